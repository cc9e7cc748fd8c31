/*
 * Which field numbers the messages of a kind have. Source: generated.proto of
 * k8s.io/api (core/v1, rbac/v1, batch/v1) and k8s.io/apimachinery (meta/v1).
 */
#ifndef SBX_LOCAL_PROTOFIELDS_H
#define SBX_LOCAL_PROTOFIELDS_H

#include <stdint.h>

enum proto_type {
	PROTO_TEXT,
	PROTO_BYTES, /* base64 in JSON */
	PROTO_INT,
	PROTO_BOOL,
	PROTO_QUANTITY,
	PROTO_INT_OR_TEXT,
	PROTO_MESSAGE,
};

#define PROTO_LIST 1
#define PROTO_MAP  2 /* the type is that of the values */
#define PROTO_KEPT 4 /* a pointer in Go: when it is there, it was set, be it to 0 */

struct proto_field {
	uint8_t number;
	uint8_t type;
	uint8_t flags;
	const char *name; /* NULL ends the table */
	const struct proto_field *fields;
};

extern const struct proto_field proto_type_meta[];

/* NULL: not a kind that we read. */
const struct proto_field *proto_fields_of(const char *api_version, const char *kind);

#endif
