/*
 * The protocol between this side (the client) and a far end (the agent).
 *
 * One byte stream in each direction, usually the stdin and stdout of one
 * pods/exec. The same protocol is served by agent.sh (POSIX sh) and by the
 * static agent, so a request must be readable by a shell's `read -r` and an
 * answer printable by its `printf`: headers are lines of text, contents are
 * counted raw bytes behind them. (Binary headers would be shorter by a few
 * bytes a message; a shell cannot read a NUL.)
 *
 *	client                                agent
 *	  | -- loader + agent.sh ------------->  |   how it starts: hello.h
 *	  | <- hello sbx 1 sh max=... ...------  |   first line, noise before it is skipped
 *	  | -- 1 stat /etc ------------------->  |
 *	  | -- 2 read 7 0 65536 -------------->  |   pipelined: no waiting for 1
 *	  | <- d 1 120 + 120 bytes, = 1 -------  |   answers in any order
 *	  | <- ! 2 EBADF - --------------------  |
 *	  | -- 9 bye ------------------------->  |
 *	  | <- = 9 ----------------------------  |   then the agent waits for the end of its input
 *
 * Requests
 *	TAG SP OP (SP ARG)* LF [BODY]
 * TAG is a decimal number from 1 to 2^32-1 that is not in use; every request
 * is ended by exactly one `=` or `!` with its tag. Tag 0 is one-way: it gets
 * no answer at all. A line is at most PROTO_LINE_MAX bytes.
 *
 * TEXT arguments (paths, targets, variables) carry any byte but NUL. Each
 * byte outside A-Z a-z 0-9 . _ / , : + = @ % - is written \0ooo (three octal
 * digits, as `printf %b` knows it), and so is a leading '-'; the empty text is
 * a lone "-". Paths are absolute in the sandbox. Numbers are decimal, modes octal.
 *
 * A BODY is N bytes, N being the last fixed argument. In which form is the
 * agent's choice, said in its hello: body=raw: exactly N raw bytes follow the
 * line; body=text: one line follows, the N bytes in TEXT form (for images
 * without a tool that takes an exact count from a pipe).
 *
 * Answers
 *	d TAG N LF + N bytes	a piece of the content; N <= PROTO_PIECE_MAX
 *	= TAG (SP FIELD)* LF	done; ends the tag
 *	! TAG ERRNO TEXT LF	failed: the errno's name, a sentence or "-"; ends the tag
 * and for a run (below)
 *	s TAG PID (SP ID) LF	it has started; ID when it is kept
 *	o TAG N LF + N bytes	from its standard output
 *	e TAG N LF + N bytes	from its standard error
 *	i TAG N LF		N more bytes of standard input are welcome; 0: its reader is gone, no more is taken
 * and of the agent's own accord, without a tag ("What changes" below)
 *	c WATCH N LF + N bytes	CHANGE*; 1 <= N <= PROTO_PIECE_MAX
 * An answer's line is at most PROTO_ANSWER_MAX bytes. Anything else is a broken
 * peer: the stream is dead (-EBADMSG).
 *
 * RECORD: one file's attributes, as content. All fields decimal but the first
 * (the whole st_mode, hex); blocks are of 512 bytes; times are whole seconds,
 * the fractions are what stands between the first '.' and the first non-digit
 * behind it in the three texts (which may be just ".123456789" or empty). NAME is
 * empty for stat; it holds no '/', so "/" LF ends the record whatever it holds.
 *	MODE DEV INO NLINK UID GID SIZE BLOCKS ATIME MTIME CTIME MAJOR MINOR|MTIME_TEXT|CTIME_TEXT|ATIME_TEXT|NAME/ LF
 * (MAJOR and MINOR hex, of a device node. It is what one call of `stat -c` can
 * print for a whole directory; see PROTO_STAT_FORMAT.)
 *
 * Requests in full; -> names the content and the fields of the `=`
 *	ping					->
 *	bye					->		no request may follow
 *	stat PATH				-> RECORD	does not follow a symbolic link
 *	list PATH [w]				-> RECORD*, = COUNT [WATCH]	every name but . and ..; of one whose
 *		attributes cannot be had its kind (and INO) alone, NLINK 0; EACCES where that is so of all
 *		w: the folder is watched from before it was read; WATCH from 1, or 0: it cannot be
 *	zlist PATH [w]				-> BLOCK*, = COUNT [WATCH]	as list. Its content comes in blocks:
 *		"PACKED SIZE", LF, PACKED bytes that hold SIZE (base/squeeze.h), PACKED < SIZE <= 131072; PACKED 0:
 *		SIZE bytes as they are
 *	readlink PATH				-> the target
 *	open PATH FLAGS MODE [AHEAD [HANDLE [UID GID]]]	-> RECORD BYTES, = HANDLE [VALID]
 *		FLAGS: r w a (append, implies w) c (create with MODE) x (exclusive) t (truncate)
 *		AHEAD <= max: of a regular file opened with r its first bytes come too, and VALID says how
 *		many of them count; VALID < AHEAD: it ends there. No VALID: nothing was read, ask
 *		HANDLE: the client's choice, from PROTO_HANDLE_MIN on and not in use, so that requests
 *		on it can be sent before the answer has come; else, and for 0, the agent chooses one below
 *		UID GID, here and of what is made below: whose it shall be, "-" leaves one as it is. Only what
 *		this makes, never a file that was there; a folder with the set-gid bit gives its own group all the
 *		same; an agent that may not give files away keeps it
 *	peek PATH N				-> RECORD BYTES, = VALID	open r, read N at 0, close, of a regular
 *		file; another one is EINVAL, a symbolic link ELOOP. N <= max; VALID as for read
 *	fstat HANDLE				-> RECORD
 *	read HANDLE OFFSET N			-> content, = VALID	N <= max; the first VALID bytes
 *		of the content count (an agent may have to pad what it promised); VALID < N is the end of the file
 *	write HANDLE OFFSET N BODY		-> = WRITTEN	all N or an error; at the end of the file when opened with a
 *	zread HANDLE OFFSET N			-> content, = VALID [SIZE]	as read. With SIZE its first VALID bytes are
 *		packed (base/squeeze.h) and hold SIZE bytes, 1 <= SIZE <= N
 *	zwrite HANDLE OFFSET SIZE N BODY	-> = WRITTEN	as write, of the SIZE <= max bytes that BODY holds packed;
 *		EINVAL: it does not. Both are asked for PROTO_SQUEEZE_MIN bytes or more, where they shrink
 *	fsync HANDLE				-> RECORD
 *	close HANDLE				->
 *	where HANDLE				-> a path by which another agent of the same user in the same container
 *		can open this file, also one without a name: /proc/PID/fd/N
 *	fset HANDLE SIZE MODE UID GID ATIME MTIME	-> RECORD	"-" leaves one as it is; done in the order
 *		size, owner, mode (a new owner takes set-id bits away), times; the first that fails ends it
 *	set PATH SIZE MODE UID GID ATIME MTIME	-> RECORD	the same by name; SIZE follows a link, the others don't.
 *		The times: SECONDS.NANOSECONDS (tv_sec, which may be negative, and nine digits of tv_nsec), "now"
 *	fallocate HANDLE FLAGS OFFSET N		-> RECORD	FLAGS: - or letters of fallocate(2): k its size
 *		stays, p a hole is made (with k), z zeroes
 *	seek HANDLE OFFSET d|h			-> = OFFSET	of the next data or hole from there on; ENXIO
 *	copy HANDLE OFFSET N FROM OFFSET	-> RECORD, = COPIED	into HANDLE, from the handle FROM, whose
 *		requests must have been answered; COPIED < N: ask for the rest, 0: FROM ends there
 *	mkdir PATH MODE [UID GID]		-> RECORD
 *	mknod PATH MODE [UID GID [MAJOR MINOR]]	-> RECORD	a fifo, socket or (with the last two) device
 *	symlink TARGET PATH [UID GID]		-> RECORD
 *	link OLD NEW				-> RECORD
 *	rename OLD NEW FLAGS			->		FLAGS: - n (must not replace) x (exchange)
 *	unlink PATH / rmdir PATH		->
 *	getxattr PATH NAME N			-> the value, = SIZE	a link's own, as of all four; at most N
 *		bytes or ERANGE. NAME is a TEXT
 *	listxattr PATH N			-> names, each NUL-ended, = SIZE	likewise
 *	setxattr PATH NAME FLAGS N BODY		->		FLAGS: - n (must be new) r (must be there)
 *	removexattr PATH NAME			->
 *	statfs PATH				-> = BSIZE BLOCKS BFREE BAVAIL FILES FFREE NAMEMAX
 *	run CWD USER TIMEOUT_MS WINDOW FLAGS KEEP N BODY	a script; see below. CWD "-": where the agent
 *		stands. USER "-": whom the agent runs as; else a name or a number of the container's
 *	env N BODY				->		NAME=VALUE, one per NUL-less LF-ended line in TEXT
 *		form; kept by the agent as the environment of the next run alone. NAME: any bytes but "=" and LF
 *	attach ID OUT ERR WINDOW FLAGS		a kept run goes on here; see below
 *	keep RUN ID				->		RUN, the tag of a run of this stream, becomes a kept run
 *	past ID o|e OFFSET N BODY		->		bytes that a kept run had written before it was kept
 *	runs					-> KEPT*, = COUNT	those that are kept here
 *	script ID				-> its script, = N	all of it
 *	signal ID SIG				->		to a kept run's whole group; ESRCH when it has ended
 *	forget ID				->		a kept run and all its output; EBUSY while it runs
 *	dial HOST PORT WINDOW			a connection made there; see below
 *	pack					->		first of all requests; then this stream is one of
 *		files in bulk (pack/pack.h) in both directions, to its end. EBUSY: it was not the first
 *
 * Order
 * Requests on one HANDLE, its open among them, take effect in the order in which they were sent; each
 * is answered by itself, also when one before it has failed. After a failed open those on its
 * HANDLE are EBADF. All others are done in any order, and at the same time.
 *
 * What changes
 * An agent with `watch` in its ops tells what happens in the folders that a `list PATH w` has named, for as long
 * as the stream lasts or until `0 unwatch WATCH`. The same folder gets the same WATCH. CHANGE is one of
 *	RECORD			the name is there, with these attributes now; an empty NAME: the folder itself
 *	gone NAME/ LF		the name is not there now
 *	all/ LF			anything may have happened, to be asked anew; the watch goes on. With WATCH 0: in all of them
 *	over/ LF		the same, and the folder (moved, removed, unmounted) is not watched any more
 * A folder is told of behind the answer that named its WATCH, first of itself. WATCH is 0 as well where things
 * change without the kernel's word: /proc, /sys, file systems of other machines.
 * Names are told as the agent finds them when it looks, so several changes in a short time may be one
 * CHANGE; a change that this stream's own requests made is told, too. It tells at once, and then not
 * again for PROTO_CHANGES_MS; while the client itself changes one thing after the other, with the answers. What was
 * changed before a run ended is told before its end mark. Not told: a file changed
 * through a mapping or another hard link, what happens inside a folder that is not watched itself, and, on a
 * network file system, what another machine does.
 *	0 unwatch WATCH
 * At most PROTO_WATCHES at once; one more is answered with WATCH 0.
 *
 * Runs
 * The tag of `run` is the run's id; its answer lasts as long as the run:
 *	s TAG PID, then o/e/i in any number, then
 *	= TAG STATE CODE OUT ERR
 * STATE is exited (CODE 0-255), signaled (CODE the signal) or timeout (124); OUT
 * and ERR are the numbers of bytes sent as o and e: the end mark. A count that
 * disagrees with what arrived is a broken peer. An agent that cannot tell a
 * signal from an exit status (a shell) says exited 128+n.
 * FLAGS: - or letters: i standard input is wanted (else it is empty), t a terminal (all three
 * are one; what it prints comes as o, `eof` is its end-of-file character; ENOTTY where the agent has none).
 * BODY: the script, at most PROTO_SCRIPT_MAX. With "#!" first it is run by that
 * interpreter, else by sh. The run is a process group of its own where the image
 * can make one. Children that keep the outputs open do not hold the end back
 * longer than PROTO_LINGER_MS after the script's own end.
 * A CWD or USER that cannot be had is not an error of the request: the run starts, says so on its
 * standard error as a shell would, and exits 126; an interpreter that is not there, 127.
 * One-way messages to a run (tag 0; an id no longer known is ignored):
 *	0 in RUN N BODY		standard input, never beyond the credit given by `i`
 *	0 eof RUN		its end
 *	0 more RUN o|e N	N bytes of that output were consumed: credit
 *	0 kill RUN SIG		by name without SIG, to the whole group
 *	0 timeout RUN MS	from now on; 0: none. At its end TERM, after 2 s KILL, state timeout
 *	0 resize RUN COLS ROWS	of its terminal
 *	0 leave RUN		an attached one is no longer wanted here
 *
 * Connections
 * The tag of `dial` is a TCP connection that the agent makes, to PORT of HOST: a numeric address, or "-" for the
 * sandbox itself, 127.0.0.1 and, if nothing listens there, ::1. Its answer lasts until both ways of it have ended:
 *	s TAG FAMILY		it stands; 4 or 6
 *	o TAG N LF + N bytes	what came on it, at most WINDOW ahead of `more`
 *	e TAG 0			that was all of it: its far side sends no more. Once, and no o comes behind it
 *	i TAG N			N more bytes are welcome; 0: its far side takes no more
 *	= TAG OUT IN		both ways have ended; how many bytes came and went: the end mark
 *	! TAG ERRNO TEXT	it could not be made (ECONNREFUSED, EHOSTUNREACH; EMFILE: PROTO_DIALS are there), or
 *		has been broken off: ECONNRESET, and ECANCELED where the client wanted that
 * `in`, `more` (of o) and `kill` are a run's; `eof`: the client sends no more, which its far side sees once all
 * before has gone, and may go on itself. `kill` breaks it off, whatever the signal, and so does the stream's end.
 *
 * Kept runs
 * A kept run outlives its stream. KEEP of `run` is 0 (it ends with the stream) or the id that is
 * wanted: from 1 to PROTO_KEPT_ID_MAX, by which the sandbox knows it from then on; the agent takes the
 * next free one above when that is in use, and says which behind `s`.
 * What it prints is kept in the sandbox, the first PROTO_KEPT_MAX bytes of each output from when it was kept;
 * what is beyond is counted and dropped, so a kept run never waits for a reader. From there it is sent, within the credit;
 * agent.sh looks every 20 to 200 ms for what has come. Its end mark is
 *	= TAG STATE CODE OUT ERR OUT_DROPPED ERR_DROPPED
 * where OUT and ERR are the bytes kept since its beginning, and STATE may be lost as well (CODE 0): whoever
 * watched over it was killed, nobody knows how it ended.
 * `attach` asks for the same from byte OUT and ERR on; FLAGS: - or letters: o, e those outputs are wanted (else
 * OUT, ERR are ignored), i standard input is (its credit begins anew). Any number may be attached at once. An OUT or
 * ERR that is wanted and below its *_START, or beyond what is kept so far: EINVAL. Input that the run has not
 * taken when its client leaves, or when its stream ends, may be lost.
 * `leave` ends the tag, and so does `keep` that of the run (when done: the `=` of `keep` comes first), by
 *	= TAG kept ID OUT ERR
 * OUT and ERR: up to where it was sent. A run that `keep` made has what it printed before that
 * on the client's side alone: `past` brings it, in order from 0, and never beyond those OUT and ERR (EINVAL).
 * KEPT: one line, LF-ended, all decimal but STATE and SCRIPT
 *	ID STATE CODE PID STARTED MS OUT ERR OUT_START ERR_START OUT_DROPPED ERR_DROPPED TERMINAL SCRIPT_N SCRIPT
 * STATE: running (CODE 0), exited, signaled, timeout, lost. STARTED: seconds since 1970. MS: how long it took, or
 * has by now. OUT_START, ERR_START: what is before is not in the sandbox. TERMINAL: 0 or 1. SCRIPT: TEXT of its
 * first PROTO_KEPT_SCRIPT bytes at most, SCRIPT_N its whole length.
 * At most PROTO_KEPT_RUNS: one more makes the agent forget the oldest that has ended; when none has, ENOSPC.
 *
 * How they are kept, so that every agent knows those of every other: in BASE/.sbx-runs-UID, mode 0700 and
 * owned by UID (else it is not looked at), UID being the agent's own. BASE: /var/tmp, /tmp, /dev/shm, /run, the
 * container's working directory; new ones in the first that can be written, listed are those of all. In it a folder
 * ID (mkdir takes the id) for each run, with
 *	script	its bytes
 *	about	PID PID_START KEEPER KEEPER_START STARTED TERMINAL LF; the _STARTs are field 22 of /proc/PID/stat:
 *		a number that belongs to another process by now is never signalled. Comes by rename, once it runs
 *	out err	what it has printed, from 0; what is before *_START is a hole
 *	start	OUT_START ERR_START LF; comes by rename; absent: 0 0
 *	in	a fifo: its standard input. The keeper has it open for reading and writing until `eof`, then it may
 *		be gone. Whoever else writes to it has it open only for as long: open it would hold the end back
 *	ctl	a fifo that the keeper has open: a line `eof`, `timeout MS` or `resize COLS ROWS`, then USR1 to KEEPER
 *	end	STATE CODE OUT ERR OUT_DROPPED ERR_DROPPED MS LF; comes by rename when all output is there
 * The KEEPER is the process that waits for it. No `end` and no such process, or a zombie: lost. PID does not lead
 * its group in its first moment, and never where there is no setsid: who finds no such group signals PID alone.
 *
 * What agent.sh can do less, or otherwise:
 *	Scripts under 100,000 bytes are an argument of `sh -c`, longer ones come by a pipe and are evaluated;
 *	a "#!" script is a temporary file in /dev/shm, /tmp or /var/tmp, removed at its end (a pipe, as
 *	/proc/self/fd/9, where none is writable). An interpreter that is not there: exit 127.
 *	A NUL in a script is EINVAL. The credit for standard input is 16 KiB.
 *	No connections: `dial` is ENOSYS. No terminals: ENOTTY. USER is had by the first of setpriv, chroot --userspec, su (of a user with a
 *	name), setuidgid and chpst that the image has; a number that /etc/passwd does not know is its group's too.
 *	A shell's background child ignores INT and QUIT for good unless bash or `env --default-signal` undoes
 *	it; elsewhere TERM is sent for them, and `why` says so.
 *	Handles go by path: unlink and rename through the agent keep them, a file replaced by another program
 *	in the sandbox is not noticed. rename with x is EINVAL.
 *	`ops` is what the tools of the image allow, `why` says what it lacks:
 *	dd (with iflag=skip_bytes,fullblock and oflag=seek_bytes): everything, raw bodies.
 *	No dd: text bodies; contents and outputs go by a spool, a file without a name in the first writable
 *	    of $TMPDIR, /tmp, /dev/shm, /var/tmp, /run, cwd. What it takes is sent every 50 ms and it is empty
 *	    again; a command that is faster than its client is held back. A full spool ends the run with
 *	    ENOSPC. The credit for standard input is 6 KiB, that its reader is gone is not said. A size but 0 and fsync need their tools.
 *	    With tail and head: a write neither at 0 nor at the end copies the file by the spool.
 *	    With cat alone: such a write is EOPNOTSUPP; a part of a file is cut out by `ulimit -f`, which
 *	    copies what stands before it.
 *	    With no folder to write in, or none of wc, stat and /proc/PID/fdinfo to count with: no reads and
 *	    no runs. A count must be known before the bytes, and nothing else can stop at one on a pipe
 *	    (head takes too much). A count behind the bytes would need a mark that they cannot hold.
 *	    No kept runs.
 *	No stat -c: attributes by ls, with DEV 0 and one time (to the second, or 0, without ls --full-time);
 *	    no statfs, and a rename into another folder is EXDEV.
 *	    No ls either: by the shell's tests, as this user may use the file; size 0 where it may not read,
 *	    else the bytes are counted by reading them; times and device numbers 0; INO as in
 *	    /proc/PID/fdinfo of what can be opened, else 0.
 *	Paths end at PATH_MAX, ENAMETOOLONG. No seek, no extended attributes; fallocate as far as the tool of that name goes, copy with dd only.
 *	set and fset: EOPNOTSUPP for what needs chmod, chown, touch or truncate where there is none.
 *	No rm: the spools' names stay, empty; a "#!" script comes by a pipe.
 *	No stat -c, mkfifo, mkdir, mv, rm or sleep: no kept runs, KEEP is ENOSYS. With a dd whose report has no
 *	    third line, what is dropped is not counted when a background child is why the output stayed open.
 *	No sleep: a timeout is EOPNOTSUPP; outputs are sent at the end, of which the spool holds all; children
 *	    that keep them open hold the end back.
 *	No env: variables whose names are not identifiers are EOPNOTSUPP.
 *	SIGKILL of its shell: a run is broken off when it writes (without dd and sleep, not even then).
 *
 * Flow control: the agent sends at most WINDOW bytes of each output ahead of
 * `more`; the client sends at most what `i` gave. File contents need none: the
 * client asks for what it has room for. So neither side ever has to stop reading.
 *
 * hello sbx 1 KIND key=value... LF
 *	KIND: sh or static. Keys (unknown ones are ignored):
 *	max=N	largest read and body, bytes (4096 .. PROTO_PIECE_MAX); scripts and env go to
 *		PROTO_SCRIPT_MAX whatever it is
 *	body=raw|text
 *	calls=N	requests it wants in flight at most (a shell serves one after the other)
 *	ops=stat,list,...  what this image lets it serve; others answer ENOSYS
 *	uid=N gid=N	whom it runs as
 *	cwd=TEXT	the container's working directory
 *	terminal=1	runs can have one
 *	kept=N	the highest id of a kept run, 0: none
 *	why=TEXT	a sentence about what is missing, for `status` and doctor
 * The agent ends when its input ends. A client that hears nothing (a `c` is no answer) for
 * PROTO_SILENCE_MS though a ping is out takes the stream for dead.
 */
#ifndef SBX_REMOTE_PROTO_H
#define SBX_REMOTE_PROTO_H

#define PROTO_VERSION     1
#define PROTO_LINE_MAX    (48 * 1024)
#define PROTO_PATH_MAX    (16 * 1024) /* bytes of a path; of a link's target PATH_MAX - 1 */
#define PROTO_ANSWER_MAX  2048
#define PROTO_PIECE_MAX   (1024 * 1024)
#define PROTO_SQUEEZE_MIN 1024u
#define PROTO_SCRIPT_MAX  (1024 * 1024)
#define PROTO_NOISE_MAX   (64 * 1024) /* before the hello */
#define PROTO_LIST_MAX    (256 * 1024 * 1024)
#define PROTO_LINGER_MS   500
#define PROTO_KEPT_MAX    (64 * 1024 * 1024) /* bytes of each output of a kept run, from *_START on */
#define PROTO_KEPT_RUNS   100
#define PROTO_KEPT_ID_MAX 999999999
#define PROTO_KEPT_SCRIPT 200
#define PROTO_HANDLE_MIN  (1u << 31) /* of handles that the client chooses */
#define PROTO_WATCHES     8192
#define PROTO_CHANGES_MS  5
#define PROTO_DIALS       256
#define PROTO_PING_MS     5000
#define PROTO_SILENCE_MS  20000
#define PROTO_XATTR_MAX   (64 * 1024) /* bytes of a value, or of all names of one file */
#define PROTO_XATTR_NAME  255

#define PROTO_STAT_FORMAT "%f %d %i %h %u %g %s %b %X %Y %Z %t %T|%y|%z|%x|%n/"

#endif
