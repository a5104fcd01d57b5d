/* line.h - a blocking TCP connection with buffers on both sides, for a protocol that is spoken directly. */
#ifndef LINE_H
#define LINE_H

#include <stddef.h>

struct line;

/* Connected, without Nagle's delay; or NULL, with errno. */
struct line *line_open(const char *host, int port);

/* What is said is kept until line_flush(). The process fails (race_fail) if the connection does. */
void line_say(struct line *line, const void *bytes, size_t size);
void line_flush(struct line *line);

/* The next text up to CR LF, NUL instead of these; the next `size` bytes. Both live until the next line call.
 */
char *line_read(struct line *line);
char *line_take(struct line *line, size_t size);

#endif
