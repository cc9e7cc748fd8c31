#include "fs/box.h"
#include "fs/dircache.h"
#include "fs/fs.h"
#include "fs/links.h"
#include "fs/notify.h"
#include "fs/op.h"
#include "tests/lib/test.h"

#include "common/base/clock.h"

struct made {
	struct options opt;
	struct fs fs;
	struct box *box;
	struct node *top; /* fs/ */
};

static int make(void **state)
{
	struct made *m = xcalloc(1, sizeof(*m));
	struct node *folder;

	m->opt.spool_max_mib = 1;
	assert_int_equal(fs_init(&m->fs, &m->opt), 0);
	notifier_mute(m->fs.notifier);
	m->box = box_new(&m->fs, "", "b", "uid", "c", NULL, true);
	folder = node_make(&m->fs.nodes, m->fs.nodes.root, "b", NODE_BOX, m->box);
	m->top = node_make(&m->fs.nodes, folder, "fs", NODE_INSIDE, m->box);
	node_looked_up(folder);
	node_looked_up(m->top);
	*state = m;
	return 0;
}

static int unmake(void **state)
{
	struct made *m = *state;

	box_unref(m->box);
	nodes_fini(&m->fs.nodes);
	fs_fini(&m->fs);
	free(m);
	return 0;
}

static struct node *child(struct made *m, struct node *parent, const char *name)
{
	struct node *n = node_make(&m->fs.nodes, parent, name, NODE_INSIDE, m->box);

	node_looked_up(n);
	return n;
}

static void path_is(struct node *n, const char *expected)
{
	auto_buf path = BUF_INIT(1);

	assert_int_equal(node_path(n, &path), 0);
	assert_string_equal(buf_text(&path), expected);
}

static void paths_are_walked_up(void **state)
{
	struct made *m = *state;
	struct node *a = child(m, m->top, "a"), *b = child(m, a, "b");
	auto_buf path = BUF_INIT(1);

	path_is(m->top, "/");
	path_is(b, "/a/b");
	assert_int_equal(node_depth(b), 2);
	assert_int_equal(node_path_of(m->top, "x", &path), 0);
	assert_string_equal(buf_text(&path), "/x");
	assert_int_equal(node_path_of(b, "x", &path), 0);
	assert_string_equal(buf_text(&path), "/a/b/x");
	assert_int_equal(node_path_of(b, "..", &path), -EINVAL);
	assert_int_equal(node_path_of(b, "x/y", &path), -EINVAL);
}

static void a_move_takes_everything_below_along(void **state)
{
	struct made *m = *state;
	struct node *a = child(m, m->top, "a"), *b = child(m, a, "b"), *c = child(m, m->top, "c");

	node_move(&m->fs, a, c, "new");
	path_is(b, "/c/new/b");
	assert_ptr_equal(node_child(&m->fs.nodes, c, "new"), a);
	assert_null(node_child(&m->fs.nodes, m->top, "a"));
}

static void what_is_moved_over_is_gone_but_stays(void **state)
{
	struct made *m = *state;
	struct node *a = child(m, m->top, "a"), *b = child(m, m->top, "b");
	auto_buf path = BUF_INIT(1);

	node_move(&m->fs, a, m->top, "b");
	assert_true(b->gone);
	assert_int_equal(node_path(b, &path), -ESTALE);
	assert_ptr_equal(node_get(&m->fs.nodes, b->id), b);
	path_is(a, "/b");
}

static void forgetting_frees_from_the_leaf_up(void **state)
{
	struct made *m = *state;
	size_t before = m->fs.nodes.count;
	struct node *a = child(m, m->top, "a"), *b = child(m, a, "b");
	uint64_t a_id = a->id, b_id = b->id;

	node_looked_up(b);
	node_forget(&m->fs, a, 1); /* its child holds it */
	assert_non_null(node_get(&m->fs.nodes, a_id));
	node_forget(&m->fs, b, 1);
	assert_non_null(node_get(&m->fs.nodes, b_id));
	node_forget(&m->fs, b, 100); /* more than was counted is no more than all */
	assert_null(node_get(&m->fs.nodes, b_id));
	assert_null(node_get(&m->fs.nodes, a_id));
	assert_int_equal(m->fs.nodes.count, before);
}

static struct attr file(uint64_t ino, uint32_t mode)
{
	return (struct attr){ .mode = mode, .ino = ino, .dev = 1, .nlink = 1 };
}

static void another_type_is_another_node(void **state)
{
	struct made *m = *state;
	struct node *a = child(m, m->top, "a");
	struct attr f = file(1, S_IFREG | 0644), d = file(1, S_IFDIR | 0755), g = file(2, S_IFREG);

	assert_true(node_learn(a, &f, 0));
	assert_true(node_learn(a, &g, 0)); /* nobody has it open */
	assert_false(node_learn(a, &d, 0));
}

static void numbers_differ_between_sandboxes_and_last(void **state)
{
	struct made *m = *state;
	struct box *other = box_new(&m->fs, "", "other", "uid", "c", NULL, true);
	struct box *again = box_new(&m->fs, "", "b", "uid", "c", NULL, true);

	assert_int_not_equal(attr_ino(m->box, 1, 5), attr_ino(other, 1, 5));
	assert_int_not_equal(attr_ino(m->box, 1, 5), attr_ino(m->box, 2, 5));
	assert_int_equal(attr_ino(m->box, 1, 5), attr_ino(again, 1, 5));
	box_unref(other);
	box_unref(again);
}

static void set_id_bits_are_not_shown(void **state)
{
	struct made *m = *state;
	struct node *a = child(m, m->top, "a");
	struct attr f = file(1, S_IFREG | 07755);
	struct stat st;

	node_learn(a, &f, 0);
	node_stat(a, &st);
	assert_int_equal(st.st_mode, S_IFREG | 01755);
}

static void a_new_folder_is_known_to_be_empty_until_something_is_put_in(void **state)
{
	struct made *m = *state;
	struct node *a = child(m, m->top, "a");
	struct attr f = file(1, S_IFREG);
	struct item *item;

	assert_int_equal(dir_find(a, "x", &item), -EAGAIN);
	dir_new(a, 1000);
	assert_int_equal(dir_find(a, "x", &item), 0);
	dir_put(a, "x", &f, 0);
	assert_int_equal(dir_find(a, "x", &item), 1);
	assert_false(item->stale);
	dir_doubt(a, "x");
	assert_true(item->stale);
	dir_drop(a, "x", 0);
	assert_int_equal(dir_find(a, "x", &item), 0);
	m->box->epoch++; /* a command has run */
	assert_int_equal(dir_find(a, "x", &item), -EAGAIN);
}

static void one_listing_serves_all_who_wait_and_a_change_ends_that(void **state)
{
	struct made *m = *state;
	struct node *a = child(m, m->top, "a");
	struct op one = { 0 }, two = { 0 }, three = { 0 };
	struct fetch *f, *g, *h;

	assert_true(dir_wait(a, &one, &f));
	assert_false(dir_wait(a, &two, &g));
	assert_ptr_equal(f, g);
	dir_touch(a);
	assert_true(dir_wait(a, &three, &h));
	assert_ptr_not_equal(f, h);
	node_unref(&m->fs, a);
	node_unref(&m->fs, a);
	free(f);
	free(h);
	a->dir->fetch = NULL;
}

#define test_of(name) cmocka_unit_test_setup_teardown(name, make, unmake)

static unsigned names_of(const struct node *n)
{
	unsigned count = 0;

	for (struct node *other = links_of(n); other; other = other->link_next)
		count++;
	return count;
}

static void names_of_one_file_are_found_without_a_walk(void **state)
{
	struct made *m = *state;
	struct attr one = file(7, S_IFREG), two = one;
	struct node *a = child(m, m->top, "a"), *b = child(m, m->top, "b");
	struct node *c = child(m, m->top, "c");

	two.nlink = 2;
	assert_true(node_learn(a, &two, 0) && node_learn(b, &two, 0));
	assert_int_equal(names_of(a), 2);
	assert_int_equal(names_of(b), 2);
	assert_true(node_learn(c, &one, 0));
	assert_int_equal(names_of(c), 0);
	two.ino = 8;
	assert_true(node_learn(c, &two, 0)); /* another file of two names */
	assert_int_equal(names_of(c), 1);
	assert_int_equal(names_of(a), 2);
	node_detach(&m->fs.nodes, b);
	node_forget(&m->fs, b, 1);
	assert_int_equal(names_of(a), 1);
	assert_true(node_learn(a, &one, 0));
	assert_int_equal(names_of(a), 0);
	node_forget(&m->fs, a, 1);
	node_forget(&m->fs, c, 1);
	assert_null(m->box->links);
}

/* --- the kernel's copy of a folder ------------------------------------------ */

static const struct attr some_file = { .mode = S_IFREG | 0644, .dev = 1, .ino = 5, .nlink = 1 };

/* A folder with one name in it, whose changes are told. */
static struct node *told_folder(struct made *m)
{
	struct node *a = child(m, m->top, "a");

	dir_new(a, 1000);
	dir_add(a, "x", &some_file);
	a->dir->watch = 7;
	a->dir->told_until_ms = clock_now_ms() + DIR_TOLD_MS;
	return a;
}

static bool kernel_has(struct node *folder, unsigned *ret_of)
{
	bool keep;

	*ret_of = dir_pages_open(folder, dir_now(folder), &keep);
	return keep;
}

static void read_whole(struct node *folder, bool brief)
{
	unsigned of;

	kernel_has(folder, &of);
	dir_pages(folder, dir_now(folder), of, true, brief);
	dir_pages(folder, dir_now(folder), of, false, false);
}

static void names_stay_with_the_kernel_until_they_change(void **state)
{
	struct node *a = told_folder(*state);
	struct attr attr = some_file;
	unsigned of;

	assert_false(kernel_has(a, &of));
	read_whole(a, false);
	assert_true(kernel_has(a, &of));
	attr.size = 3;
	dir_put(a, "x", &attr, 0);
	assert_true(kernel_has(a, &of));
	dir_add(a, "y", &some_file);
	assert_false(kernel_has(a, &of));
	read_whole(a, false);
	dir_drop(a, "y", 0);
	assert_false(kernel_has(a, &of));
	read_whole(a, false);
	attr.ino = 6; /* another file under the old name */
	dir_put(a, "x", &attr, 0);
	assert_false(kernel_has(a, &of));
	read_whole(a, true);
	assert_true(kernel_has(a, &of));
	a->dir->pages_ms = clock_now_ms(); /* what was brief is over */
	assert_false(kernel_has(a, &of));
	a->dir->watch = 0;
}

static void what_was_read_across_a_change_does_not_stay(void **state)
{
	struct node *a = told_folder(*state);
	unsigned old, of;

	assert_false(kernel_has(a, &old));
	dir_pages(a, dir_now(a), old, true, false);
	dir_add(a, "y", &some_file);
	read_whole(a, false);
	assert_true(kernel_has(a, &of));
	dir_pages(a, dir_now(a), old, false, false);
	assert_false(kernel_has(a, &of));
	a->dir->watch = 0;
}

static void only_a_told_folder_stays_with_the_kernel(void **state)
{
	struct node *a = told_folder(*state);
	unsigned of;

	a->dir->watch = 0;
	read_whole(a, false);
	assert_false(kernel_has(a, &of));
	assert_int_equal(of, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_of(paths_are_walked_up),
		test_of(a_move_takes_everything_below_along),
		test_of(what_is_moved_over_is_gone_but_stays),
		test_of(forgetting_frees_from_the_leaf_up),
		test_of(another_type_is_another_node),
		test_of(numbers_differ_between_sandboxes_and_last),
		test_of(set_id_bits_are_not_shown),
		test_of(a_new_folder_is_known_to_be_empty_until_something_is_put_in),
		test_of(one_listing_serves_all_who_wait_and_a_change_ends_that),
		test_of(names_of_one_file_are_found_without_a_walk),
		test_of(names_stay_with_the_kernel_until_they_change),
		test_of(what_was_read_across_a_change_does_not_stay),
		test_of(only_a_told_folder_stays_with_the_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
