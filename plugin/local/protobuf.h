/*
 * Bodies in Kubernetes's protobuf, turned into JSON. kubectl (1.32) creates
 * with typed clients in nothing else and does not ask again when refused.
 *
 * The envelope: "k8s\0" and a runtime.Unknown (field 1 TypeMeta, 2 the object's
 * own message). Field numbers: generated.proto of k8s.io/api and
 * k8s.io/apimachinery. The kinds: those of "kubectl create KIND".
 */
#ifndef SBX_LOCAL_PROTOBUF_H
#define SBX_LOCAL_PROTOBUF_H

#include "plugin/local/json.h"

/*
 * -EBADMSG: not such bytes. -ENOTSUP: a kind, or a field, that is not in our tables: nothing that
 * was sent is ever left out in silence.
 */
int protobuf_decode(const void *bytes, size_t n, cJSON **ret);

#endif
