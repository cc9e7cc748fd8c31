/*
 * Which sandbox? Asked of whoever sits at the terminal, where a verb was given no NAME.
 */
#ifndef SBX_PLUGIN_PICK_H
#define SBX_PLUGIN_PICK_H

#include "plugin/verb.h"

enum pick {
	PICK_ANY,
	PICK_RUNNING, /* those alone */
	PICK_DOOMED, /* what is chosen will be destroyed: a number or a whole name is wanted, however few
			 there are */
};

/*
 * EXIT_DONE: go on; one was chosen and is in cli->words, or nothing was to be asked: there are words,
 * standard input and standard error are no terminals, there is no sandbox. Else the exit status: it cannot be
 * asked, or was left by Esc (1) or by Ctrl-C (130). Call before any thread is started.
 */
int pick_where_missing(struct cli *cli, enum pick how);

#endif
