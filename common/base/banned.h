/*
 * Functions that do not compile here.
 *
 * Each has a bounded or checking replacement: struct buf for building,
 * snprintf for fixed sizes, path_split for tokens, parse_u64 for numbers.
 * Included by buf.h and err.h, so practically everywhere.
 */
#ifndef SBX_BASE_BANNED_H
#define SBX_BASE_BANNED_H

#include <string.h>
#include <stdio.h>
#include <stdlib.h>

#undef strcpy
#undef strcat
#undef strncpy
#undef sprintf
#undef vsprintf
#undef strtok
#undef atoi
#define strcpy(...)   banned_use_struct_buf_or_snprintf
#define strcat(...)   banned_use_struct_buf_or_snprintf
#define strncpy(...)  banned_use_struct_buf_or_snprintf
#define sprintf(...)  banned_use_struct_buf_or_snprintf
#define vsprintf(...) banned_use_struct_buf_or_snprintf
#define strtok(...)   banned_split_by_hand
#define atoi(...)     banned_use_parse_u64

#endif
