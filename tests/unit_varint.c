/* unit_varint.c - numbers are read as they were written, and only if all of them is there. */
#include "unit.h"
#include "varint.h"

static const uint64_t edges[] = {0,
                                 1,
                                 127,
                                 128,
                                 16383,
                                 16384,
                                 UINT32_MAX,
                                 ((uint64_t)1 << 35) - 1,
                                 (uint64_t)1 << 35,
                                 (uint64_t)1 << 63,
                                 UINT64_MAX};
enum { EDGES = sizeof edges / sizeof *edges };

static void a_number_is_read_as_it_was_written_and_not_if_it_is_cut_off(void)
{
    for (size_t i = 0; i < EDGES; i++) {
        uint8_t bytes[VARINT_MAX];
        size_t size = (size_t)(varint_write(bytes, edges[i]) - bytes);
        uint64_t number = 7;
        for (size_t less = 0; less < size; less++) {
            struct bytes cut = {bytes, less};
            CHECK(!varint_read(&cut, &number) && cut.size == less && number == 7);
        }
        struct bytes from = {bytes, size};
        CHECK(varint_read(&from, &number));
        CHECK_EQUAL(number, edges[i]);
        CHECK(from.size == 0 && from.data == bytes + size);
    }
}

static void seven_bits_take_a_byte(void)
{
    uint8_t bytes[VARINT_MAX];
    CHECK(varint_write(bytes, 127) == bytes + 1);
    CHECK(varint_write(bytes, 128) == bytes + 2);
    CHECK(varint_write(bytes, UINT64_MAX) == bytes + VARINT_MAX);
}

static void a_number_of_more_than_64_bits_is_none(void)
{
    uint8_t bytes[VARINT_MAX + 1];
    uint64_t number;
    memset(bytes, 0x80, sizeof bytes);
    bytes[VARINT_MAX - 1] = 2;
    struct bytes from = {bytes, VARINT_MAX};
    CHECK(!varint_read(&from, &number));
    bytes[VARINT_MAX - 1] = 0x81;
    bytes[VARINT_MAX] = 0;
    from = (struct bytes){bytes, VARINT_MAX + 1};
    CHECK(!varint_read(&from, &number));
}

static void a_wide_number_can_be_written_over_by_any_other(void)
{
    uint8_t bytes[VARINT_WIDE];
    for (size_t i = 0; i < EDGES && edges[i] >> 35 == 0; i++) {
        struct bytes from = {bytes, VARINT_WIDE};
        uint64_t number;
        CHECK(varint_write_wide(bytes, edges[i]) == bytes + VARINT_WIDE);
        CHECK(varint_read(&from, &number));
        CHECK_EQUAL(number, edges[i]);
        CHECK_EQUAL(from.size, 0);
    }
}

static void what_is_near_zero_is_short_on_both_sides(void)
{
    for (size_t i = 0; i < EDGES; i++) {
        CHECK_EQUAL(varint_unfold(varint_fold(edges[i])), edges[i]);
        CHECK_EQUAL(varint_unfold(varint_fold(0 - edges[i])), 0 - edges[i]);
    }
    CHECK_EQUAL(varint_fold(0), 0);
    CHECK_EQUAL(varint_fold((uint64_t)-1), 1);
    CHECK_EQUAL(varint_fold(1), 2);
}

static void bytes_are_read_with_their_size_or_not_at_all(void)
{
    uint8_t written[16];
    size_t size = (size_t)(varint_write_bytes(written, mq_bytes("word")) - written);
    struct bytes from = {written, size}, read = {NULL, 0};
    CHECK_EQUAL(size, 5);
    CHECK(varint_read_bytes(&from, &read));
    CHECK(read.data == written + 1 && read.size == 4 && from.size == 0);
    from = (struct bytes){written, size - 1};
    CHECK(!varint_read_bytes(&from, &read) && from.size == size - 1);
    CHECK(varint_write_bytes(written, (struct bytes){NULL, 0}) == written + 1);
}

static const struct unit_test tests[] = {
    UNIT(a_number_is_read_as_it_was_written_and_not_if_it_is_cut_off),
    UNIT(seven_bits_take_a_byte),
    UNIT(a_number_of_more_than_64_bits_is_none),
    UNIT(a_wide_number_can_be_written_over_by_any_other),
    UNIT(what_is_near_zero_is_short_on_both_sides),
    UNIT(bytes_are_read_with_their_size_or_not_at_all),
};

int main(void)
{
    return unit_run("varint", tests, sizeof tests / sizeof *tests);
}
