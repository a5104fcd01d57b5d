/* unit_proto.c - names of statuses, verbs and kinds; UTF-8; names of queues. */
#include "unit.h"

#include <string.h>

#include "proto.h"

static void each_status_has_its_own_code_name_and_text(void)
{
#define ONE(name, code, text) {#name, code, text},
    static const struct {
        const char *name;
        int code;
        const char *text;
    } all[] = {MQ_STATUS_MAP(ONE)};
#undef ONE
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        CHECK_EQUAL(all[i].code, i);
        CHECK(strcmp(mq_status_name((enum mq_status)i), all[i].name) == 0);
        CHECK(strcmp(mq_status_text((enum mq_status)i), all[i].text) == 0);
    }
    CHECK(strcmp(mq_status_name((enum mq_status)9999), "?") == 0);
    CHECK(strcmp(mq_status_text((enum mq_status)9999), "unknown status") == 0);
}

static void each_verb_has_its_own_code_and_word(void)
{
#define ONE(name, code, word) {code, word},
    static const struct {
        int code;
        const char *word;
    } all[] = {MQ_VERB_MAP(ONE)};
#undef ONE
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        CHECK(strcmp(mq_verb_name((enum mq_verb)all[i].code), all[i].word) == 0);
        for (size_t j = 0; j < i; j++)
            CHECK(all[i].code != all[j].code && strcmp(all[i].word, all[j].word) != 0);
    }
    CHECK(strcmp(mq_verb_name((enum mq_verb)0), "?") == 0);
}

static void kinds_are_found_by_their_names(void)
{
    static const char *const names[] = {"fifo", "lifo", "priority"};
    enum mq_kind kind = MQ_KIND_FIFO;
    for (int i = 0; i < 3; i++) {
        CHECK(strcmp(mq_kind_name((enum mq_kind)i), names[i]) == 0);
        CHECK(mq_kind_from_name(names[i], &kind));
        CHECK_EQUAL(kind, i);
    }
    CHECK(!mq_kind_from_name("FIFO", &kind) && !mq_kind_from_name("", &kind));
    CHECK_EQUAL(kind, MQ_KIND_PRIORITY);
    CHECK(strcmp(mq_kind_name((enum mq_kind)3), "?") == 0);
}

static struct bytes text(const char *literal)
{
    return mq_bytes(literal);
}

static void utf8_is_checked_as_the_standard_says(void)
{
    static const char *const good[] = {"",
                                       "plain",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xef\xbf\xbf",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc0\xaf",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xc2\x41",
                                      "\xe0\x9f\xbf",
                                      "\xe1\x80",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xf1\x80\x80",
                                      "\xfe",
                                      "\xff",
                                      "ok\xc3(no"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        CHECK(mq_utf8_is_valid(text(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(!mq_utf8_is_valid(text(bad[i])));
    CHECK(mq_utf8_is_valid((struct bytes){"a\0b", 3}));
    CHECK(mq_utf8_is_valid((struct bytes){NULL, 0}));
}

static void a_name_has_1_to_255_bytes(void)
{
    char name[MQ_NAME_SIZE_MAX + 1];
    memset(name, 'x', sizeof name);
    CHECK(!mq_name_is_valid((struct bytes){name, 0}));
    CHECK(mq_name_is_valid((struct bytes){name, 1}));
    CHECK(mq_name_is_valid((struct bytes){name, MQ_NAME_SIZE_MAX}));
    CHECK(!mq_name_is_valid((struct bytes){name, MQ_NAME_SIZE_MAX + 1}));
}

static void a_name_has_no_spaces_and_no_control_characters(void)
{
    static const char *const good[] = {"jobs", "a.b-c/d:1", "\xc3\xa4rger", "\xf0\x9f\x90\x98", "\xc2\xa1"};
    static const char *const bad[] = {"a b",          "a\tb",         "a\nb",         "\x01",
                                      "\x7f",         "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80",
                                      "\xe2\x80\x80", "\xe2\x80\x8a", "\xe2\x80\xa8", "\xe2\x80\xa9",
                                      "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80", "bad\xff"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        CHECK(mq_name_is_valid(text(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(!mq_name_is_valid(text(bad[i])));
    CHECK(!mq_name_is_valid((struct bytes){"a\0b", 3}));
}

static void bytes_of_a_text_are_without_its_end(void)
{
    CHECK_EQUAL(mq_bytes("four").size, 4);
    CHECK_EQUAL(mq_bytes("").size, 0);
    CHECK(mq_bytes(NULL).data == NULL && mq_bytes(NULL).size == 0);
}

static const struct unit_test tests[] = {
    UNIT(each_status_has_its_own_code_name_and_text),
    UNIT(each_verb_has_its_own_code_and_word),
    UNIT(kinds_are_found_by_their_names),
    UNIT(utf8_is_checked_as_the_standard_says),
    UNIT(a_name_has_1_to_255_bytes),
    UNIT(a_name_has_no_spaces_and_no_control_characters),
    UNIT(bytes_of_a_text_are_without_its_end),
};

int main(void)
{
    return unit_run("proto", tests, sizeof tests / sizeof *tests);
}
