#include "plugin/sortby.h"

#include "plugin/quantity.h"

#include <ctype.h>
#include <errno.h>

struct key {
	cJSON *item;
	const cJSON *value; /* NULL: it has none */
	size_t place;
};

static size_t digits(const char *at)
{
	return strspn(at, "0123456789");
}

/* Runs of digits by their value, else byte by byte. */
static int natural(const char *a, const char *b)
{
	while (*a && *b) {
		size_t n = digits(a), m = digits(b);

		if (!n || !m) {
			if (*a != *b)
				return (unsigned char)*a - (unsigned char)*b;
			a++, b++;
			continue;
		}
		while (n > 1 && *a == '0')
			a++, n--;
		while (m > 1 && *b == '0')
			b++, m--;
		if (n != m)
			return n < m ? -1 : 1;
		if (memcmp(a, b, n))
			return memcmp(a, b, n);
		a += n;
		b += n;
	}
	return (unsigned char)*a - (unsigned char)*b;
}

static int by_size(double a, double b)
{
	return (a > b) - (a < b);
}

static int compare_texts(const char *a, const char *b)
{
	double x, y;

	if (!quantity_parse(a, &x) && !quantity_parse(b, &y) && x != y)
		return by_size(x, y);
	return natural(a, b);
}

static int rank(const cJSON *v)
{
	return !v ? 0 : cJSON_IsBool(v) ? 1 : cJSON_IsNumber(v) ? 2 : 3;
}

static int compare(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int order = rank(x->value) - rank(y->value);

	if (!order && rank(x->value) == 1)
		order = cJSON_IsTrue(x->value) - cJSON_IsTrue(y->value);
	if (!order && rank(x->value) == 2)
		order = by_size(x->value->valuedouble, y->value->valuedouble);
	if (!order && rank(x->value) == 3)
		order = compare_texts(x->value->valuestring, y->value->valuestring);
	return order ? order : (x->place > y->place) - (x->place < y->place);
}

/* *ret: borrowed from item, or NULL. */
static int key_of(const struct jsonpath *p, const cJSON *item, const cJSON **ret, struct err *err)
{
	struct jsonpath_values v;
	int rc = jsonpath_find(p, item, &v, err);

	*ret = !rc && v.count && !cJSON_IsNull(v.at[0]) ? v.at[0] : NULL;
	jsonpath_values_fini(&v);
	if (!rc && (cJSON_IsObject(*ret) || cJSON_IsArray(*ret)))
		return err_set(
			err, -EINVAL, "what it finds are objects or arrays, which have no order");
	return rc;
}

static int keys_of(const struct jsonpath *p, cJSON *items, struct key *keys, size_t *ret_found,
	struct err *err)
{
	cJSON *item;
	size_t n = 0;

	*ret_found = 0;
	cJSON_ArrayForEach (item, items) {
		int rc = key_of(p, item, &keys[n].value, err);

		if (rc < 0)
			return rc;
		*ret_found += keys[n].value != NULL;
		keys[n].item = item;
		keys[n].place = n;
		n++;
	}
	return 0;
}

static void path_at(struct jsonpath **p)
{
	jsonpath_free(*p);
}

int sort_by(const char *path, cJSON *items, size_t *ret_found, struct err *err)
{
	size_t n = (size_t)cJSON_GetArraySize(items), found = 0;
	auto_free struct key *keys = xcalloc(n + 1, sizeof(*keys));
	struct jsonpath *p auto_with(path_at) = NULL; /* keys may be texts of it */
	int rc = jsonpath_parse_relaxed(path, &p, err);

	if (!rc)
		rc = keys_of(p, items, keys, &found, err);
	if (rc < 0)
		return err_wrap(err, rc, "--sort-by");
	if (n)
		qsort(keys, n, sizeof(*keys), compare);
	for (size_t i = 0; i < n; i++)
		cJSON_DetachItemViaPointer(items, keys[i].item);
	for (size_t i = 0; i < n; i++)
		cJSON_AddItemToArray(items, keys[i].item);
	if (ret_found)
		*ret_found = found;
	return 0;
}
