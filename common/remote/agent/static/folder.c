#include "common/remote/agent/static/folder.h"

#include <limits.h>

#define NAMES 16384 /* that wait, at most, */
#define BYTES (1024 * 1024)

struct folder **folder_slot(struct changes *c, uint32_t watch)
{
	struct folder **at = &c->folders[watch % CHANGES_BUCKETS];

	while (*at && (*at)->watch != watch)
		at = &(*at)->next;
	return at;
}

static struct name **bucket_of(
	struct changes *c, const struct folder *f, const char *text, size_t n)
{
	uint32_t h = f->watch * 0x9e3779b1U;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (uint8_t)text[i]) * 0x01000193U;
	return &c->names[(h ^ h >> 15) % CHANGES_BUCKETS];
}

/* It waits no more, but stays its folder's. */
static void unlist(struct changes *c, struct name *name)
{
	struct name **at = bucket_of(c, name->folder, name->text, name->n);

	while (*at != name)
		at = &(*at)->same;
	*at = name->same;
	c->name_count--;
	c->name_bytes -= name->n;
}

void folder_drop_names(struct changes *c, struct folder *f)
{
	while (f->names) {
		struct name *name = f->names;

		f->names = name->next;
		unlist(c, name);
		free(name);
	}
	f->end = &f->names;
}

void folder_free(struct folder *f)
{
	while (f->names) {
		struct name *name = f->names;

		f->names = name->next;
		free(name);
	}
	free(f->path);
	free(f);
}

void folder_due(struct changes *c, struct folder *f)
{
	if (f->due || f->lists || !(f->names || f->self || f->all || f->over))
		return;
	f->due = true;
	f->next_due = NULL;
	if (!c->due)
		c->due_end = &c->due;
	*c->due_end = f;
	c->due_end = &f->next_due;
}

void folder_not_due(struct changes *c, struct folder *f)
{
	struct folder **at = &c->due;

	if (!f->due)
		return;
	while (*at != f)
		at = &(*at)->next_due;
	*at = f->next_due;
	if (!*at)
		c->due_end = at;
	f->due = false;
}

void folder_forget(struct changes *c, struct folder *f)
{
	folder_drop_names(c, f);
	folder_not_due(c, f);
	*folder_slot(c, f->watch) = f->next;
	c->count--;
	folder_free(f);
}

static void note_all(struct changes *c, struct folder *f)
{
	folder_drop_names(c, f);
	f->all = true;
}

void folder_note(struct changes *c, struct folder *f, const char *text)
{
	size_t n = strlen(text);
	struct name **bucket = bucket_of(c, f, text, n);
	struct name *name = *bucket;

	if (f->all)
		return;
	while (name && (name->folder != f || name->n != n || memcmp(name->text, text, n) != 0))
		name = name->same;
	if (name)
		return;
	if (c->name_count >= NAMES || c->name_bytes + n > BYTES) {
		note_all(c, f);
		return;
	}
	name = xmalloc(sizeof(*name) + n + 1);
	*name = (struct name){ .same = *bucket, .folder = f, .n = n };
	memcpy(name->text, text, n + 1);
	*bucket = name;
	c->name_count++;
	c->name_bytes += n;
	*f->end = name;
	f->end = &name->next;
}

void folder_lost_count(struct changes *c)
{
	for (size_t i = 0; i < CHANGES_BUCKETS; i++) {
		for (struct folder *f = c->folders[i]; f; f = f->next) {
			folder_drop_names(c, f);
			f->self = false;
			f->all = f->lists; /* whoever comes to know it must know this, too */
			if (!f->over)
				folder_not_due(c, f); /* there is nothing more to tell of it */
		}
	}
	c->all = true;
}

/* What of the folder goes into one look: a copy that is the worker's. */
static struct folder *part_of(struct changes *c, struct folder *f, size_t *room)
{
	struct folder *part = xcalloc(1, sizeof(*part));

	*part = (struct folder){ .watch = f->watch,
		.path = xstrdup(f->path),
		.dev = f->dev,
		.ino = f->ino,
		.self = f->self,
		.all = f->all,
		.over = f->over };
	part->end = &part->names;
	f->self = f->all = false;
	while (f->names && *room >= FOLDER_RECORD + f->names->n) {
		struct name *name = f->names;

		f->names = name->next;
		if (!f->names)
			f->end = &f->names;
		unlist(c, name);
		*room -= FOLDER_RECORD + name->n;
		name->next = NULL;
		*part->end = name;
		part->end = &name->next;
	}
	*room -= *room < FOLDER_RECORD ? *room : FOLDER_RECORD;
	return part;
}

struct folder *folder_batch(struct changes *c)
{
	struct folder *first = NULL, **end = &first;
	size_t room = FOLDER_LOOK;

	while (c->due && room >= FOLDER_RECORD + NAME_MAX) {
		struct folder *f = c->due;

		*end = part_of(c, f, &room);
		end = &(*end)->next;
		folder_not_due(c, f);
		if (f->over)
			folder_forget(c, f);
		else
			folder_due(c, f);
	}
	return first;
}
