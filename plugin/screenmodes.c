#include "plugin/screenmodes.h"

#include <string.h>

#define ESC        '\033'
#define NUMBER_MAX 100000

/* Of xterm's ctlseqs, DECSET and DECRST; those whose rest a person would notice. */
static const struct mode {
	unsigned number;
	bool off; /* the program's state is "reset": of a mode that is on by default */
} modes[] = {
	{ 1, false }, /* cursor keys send ESC O */
	{ 25, true }, /* the cursor is shown */
	{ 7, true },  /* lines wrap */
	{ 9, false }, /* mouse, 9 to 1016 */
	{ 1000, false },
	{ 1001, false },
	{ 1002, false },
	{ 1003, false },
	{ 1004, false }, /* focus */
	{ 1005, false },
	{ 1006, false },
	{ 1015, false },
	{ 1016, false },
	{ 2004, false }, /* bracketed paste */
	{ 47, false },   /* alternate screens: last, so that the others are undone on them */
	{ 1047, false },
	{ 1049, false },
};

#define MODES  (sizeof(modes) / sizeof(*modes))
#define KEYPAD (1u << MODES)       /* ESC = and ESC > */
#define REGION (1u << (MODES + 1)) /* DECSTBM: only some lines scroll */
#define COLOUR (1u << (MODES + 2)) /* SGR */
#define KEYS   (1u << (MODES + 3)) /* xterm's modifyOtherKeys */

enum { TEXT, ESCAPE, CSI };

static void put(struct screenmodes *s, unsigned bit, bool on)
{
	s->set = on ? s->set | bit : s->set & ~bit;
}

static void put_mode(struct screenmodes *s, unsigned number, bool on)
{
	for (size_t i = 0; i < MODES; i++)
		if (modes[i].number == number)
			put(s, 1u << i, on != modes[i].off);
}

static bool any_number(const struct screenmodes *s)
{
	for (int i = 0; i < s->count; i++)
		if (s->numbers[i])
			return true;
	return false;
}

/* A whole CSI sequence; final is what it does. */
static void apply(struct screenmodes *s, char final)
{
	if (s->kind == '?' && (final == 'h' || final == 'l'))
		for (int i = 0; i < s->count; i++)
			put_mode(s, s->numbers[i], final == 'h');
	else if (s->kind == '>' && final == 'm' && (s->numbers[0] == 4 || !s->numbers[0]))
		put(s, KEYS, s->count > 1 && s->numbers[1]);
	else if (!s->kind && final == 'r')
		put(s, REGION, any_number(s));
	else if (!s->kind && final == 'm')
		put(s, COLOUR, any_number(s));
}

static void begin_number(struct screenmodes *s)
{
	if (s->count < SCREENMODES_NUMBERS)
		s->numbers[s->count] = 0;
	else
		s->kind = '!';
}

static void take_csi(struct screenmodes *s, char c)
{
	if (c == ESC) {
		s->state = ESCAPE;
	} else if (c >= '0' && c <= '9') {
		if (s->kind != '!' && s->numbers[s->count] < NUMBER_MAX)
			s->numbers[s->count] = s->numbers[s->count] * 10 + (unsigned)(c - '0');
	} else if (c == ';') {
		if (s->kind != '!') {
			s->count++;
			begin_number(s);
		}
	} else if ((c == '?' || c == '>') && !s->kind && !s->count && !s->numbers[0]) {
		s->kind = c;
	} else if (c >= '@' && c <= '~') {
		s->count += s->kind != '!';
		s->state = TEXT;
		apply(s, c);
	} else {
		s->kind = '!';
	}
}

static void take_escape(struct screenmodes *s, char c)
{
	s->state = c == '[' ? CSI : c == ESC ? ESCAPE : TEXT;
	s->kind = 0;
	s->count = 0;
	begin_number(s);
	if (c == '=' || c == '>')
		put(s, KEYPAD, c == '=');
	else if (c == 'c') /* the terminal is as new */
		s->set = 0;
}

bool screenmodes_feed(struct screenmodes *s, const void *bytes, size_t n)
{
	const char *at = bytes, *end = at + n;
	unsigned before = s->set;

	while (at < end) {
		if (s->state == TEXT) {
			at = memchr(at, ESC, (size_t)(end - at));
			if (!at)
				break;
			s->state = ESCAPE;
		} else if (s->state == ESCAPE) {
			take_escape(s, *at);
		} else {
			take_csi(s, *at);
		}
		at++;
	}
	return s->set != before;
}

/* A region's end moves the cursor, which is therefore put back. */
void screenmodes_undo(const struct screenmodes *s, struct buf *ret)
{
	if (s->set & COLOUR)
		buf_str(ret, "\033[m");
	if (s->set & REGION)
		buf_str(ret, "\0337\033[r\0338");
	if (s->set & KEYS)
		buf_str(ret, "\033[>4m");
	for (size_t i = 0; i < MODES; i++)
		if (s->set & (1u << i))
			buf_printf(ret, "\033[?%u%c", modes[i].number, modes[i].off ? 'h' : 'l');
	if (s->set & KEYPAD)
		buf_str(ret, "\033>");
}

void screenmodes_redo(const struct screenmodes *s, struct buf *ret)
{
	if (s->set & KEYPAD)
		buf_str(ret, "\033=");
	for (size_t i = MODES; i-- > 0;)
		if (s->set & (1u << i))
			buf_printf(ret, "\033[?%u%c", modes[i].number, modes[i].off ? 'l' : 'h');
	if (s->set & KEYS)
		buf_str(ret, "\033[>4;2m");
}
