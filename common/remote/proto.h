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
 *	s TAG PID LF		it has started
 *	o TAG N LF + N bytes	from its standard output
 *	e TAG N LF + N bytes	from its standard error
 *	i TAG N LF		N more bytes of standard input are welcome
 * An answer's line is at most PROTO_ANSWER_MAX bytes. Anything else is a broken
 * peer: the stream is dead (-EBADMSG).
 *
 * RECORD: one file's attributes, as content. All fields decimal but the first
 * (the whole st_mode, hex); blocks are of 512 bytes; times are whole seconds,
 * the fractions are what stands between the first '.' and the first non-digit
 * behind it in the two texts (which may be just ".123456789" or empty). NAME is
 * empty for stat; it holds no '/', so "/" LF ends the record whatever it holds.
 *	MODE DEV INO NLINK UID GID SIZE BLOCKS ATIME MTIME CTIME MAJOR MINOR|MTIME_TEXT|CTIME_TEXT|NAME/ LF
 * (MAJOR and MINOR hex, of a device node. It is what one call of `stat -c` can
 * print for a whole directory; see PROTO_STAT_FORMAT.)
 *
 * Requests in full; -> names the content and the fields of the `=`
 *	ping					->
 *	bye					->		no request may follow
 *	stat PATH				-> RECORD	does not follow a symbolic link
 *	list PATH				-> RECORD*, = COUNT	every name but . and ..
 *	readlink PATH				-> the target
 *	open PATH FLAGS MODE			-> RECORD, = HANDLE
 *		FLAGS: r w a (append, implies w) c (create with MODE) x (exclusive) t (truncate)
 *	fstat HANDLE				-> RECORD
 *	read HANDLE OFFSET N			-> content, = VALID	N <= max; the first VALID bytes
 *		of the content count (an agent may have to pad what it promised); VALID < N is the end of the file
 *	write HANDLE OFFSET N BODY		-> = WRITTEN	all N or an error; at the end of the file when opened with a
 *	fsync HANDLE				->
 *	close HANDLE				->
 *	ftruncate HANDLE SIZE			-> RECORD
 *	truncate PATH SIZE			-> RECORD
 *	mkdir PATH MODE				-> RECORD
 *	mknod PATH MODE				-> RECORD	fifos and sockets only
 *	symlink TARGET PATH			-> RECORD
 *	link OLD NEW				-> RECORD
 *	rename OLD NEW FLAGS			->		FLAGS: - n (must not replace) x (exchange)
 *	unlink PATH / rmdir PATH		->
 *	chmod PATH MODE				-> RECORD
 *	chown PATH UID GID			-> RECORD	"-" leaves one as it is
 *	utimens PATH ATIME MTIME		-> RECORD	SECONDS.NANOSECONDS (tv_sec, which may
 *		be negative, and nine digits of tv_nsec), "now" or "-" (leave)
 *	statfs PATH				-> = BSIZE BLOCKS BFREE BAVAIL FILES FFREE NAMEMAX
 *	run CWD TIMEOUT_MS WINDOW FLAGS N BODY	a script; see below. CWD "-": where the agent stands
 *	env N BODY				->		NAME=VALUE, one per NUL-less LF-ended line in TEXT
 *		form; kept by the agent as the environment of the next run alone
 *
 * Runs
 * The tag of `run` is the run's id; its answer lasts as long as the run:
 *	s TAG PID, then o/e/i in any number, then
 *	= TAG STATE CODE OUT ERR
 * STATE is exited (CODE 0-255), signaled (CODE the signal) or timeout (124); OUT
 * and ERR are the numbers of bytes sent as o and e: the end mark. A count that
 * disagrees with what arrived is a broken peer. An agent that cannot tell a
 * signal from an exit status (a shell) says exited 128+n.
 * FLAGS: - or i (standard input is wanted; else it is empty).
 * BODY: the script, at most PROTO_SCRIPT_MAX. With "#!" first it is run by that
 * interpreter, else by sh. The run is a process group of its own where the image
 * can make one. Children that keep the outputs open do not hold the end back
 * longer than PROTO_LINGER_MS after the script's own end.
 * One-way messages to a run (tag 0; an id no longer known is ignored):
 *	0 in RUN N BODY		standard input, never beyond the credit given by `i`
 *	0 eof RUN		its end
 *	0 more RUN o|e N	N bytes of that output were consumed: credit
 *	0 kill RUN SIG		by name without SIG, to the whole group
 *
 * What agent.sh can do less, or otherwise:
 *	Scripts under 100,000 bytes are an argument of `sh -c`, longer ones come by a pipe and are evaluated;
 *	a "#!" script is a temporary file in /dev/shm, /tmp or /var/tmp, removed at its end (a pipe, as
 *	/proc/self/fd/9, where none is writable). An interpreter that is not there: exit 127.
 *	A NUL in a script is EINVAL. The credit for standard input is 16 KiB.
 *	A shell's background child ignores INT and QUIT for good unless bash or `env --default-signal` undoes
 *	it; elsewhere TERM is sent for them, and `why` says so.
 *	Handles go by path: unlink and rename through the agent keep them, a file replaced by another program
 *	in the sandbox is not noticed. rename with x is EINVAL.
 *	`ops` is what the tools of the image allow, `why` says what it lacks:
 *	dd (with iflag=skip_bytes,fullblock and oflag=seek_bytes): everything, raw bodies.
 *	No dd: text bodies; contents and outputs go by a spool, a file without a name in the first writable
 *	    of $TMPDIR, /tmp, /dev/shm, /var/tmp, /run, cwd. What it takes is sent every 50 ms and it is empty
 *	    again; a command that is faster than its client is held back. A full spool ends the run with
 *	    ENOSPC. The credit for standard input is 6 KiB. truncate and fsync need their tools.
 *	    With tail and head: a write neither at 0 nor at the end copies the file by the spool.
 *	    With cat alone: such a write is EOPNOTSUPP; a part of a file is cut out by `ulimit -f`, which
 *	    copies what stands before it.
 *	    With no folder to write in, or none of wc, stat and /proc/PID/fdinfo to count with: no reads and
 *	    no runs. A count must be known before the bytes, and nothing else can stop at one on a pipe
 *	    (head takes too much). A count behind the bytes would need a mark that they cannot hold.
 *	No stat -c: attributes by ls, with DEV 0 and one time (to the second, or 0, without ls --full-time);
 *	    no statfs, and a rename into another folder is EXDEV.
 *	    No ls either: by the shell's tests, as this user may use the file; size 0 where it may not read,
 *	    else the bytes are counted by reading them; times and device numbers 0; INO as in
 *	    /proc/PID/fdinfo of what can be opened, else 0.
 *	No rm: the spools' names stay, empty; a "#!" script comes by a pipe.
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
 *	why=TEXT	a sentence about what is missing, for `status` and doctor
 * The agent ends when its input ends. A client that hears nothing for
 * PROTO_SILENCE_MS though a ping is out takes the stream for dead.
 */
#ifndef SBX_REMOTE_PROTO_H
#define SBX_REMOTE_PROTO_H

#define PROTO_VERSION    1
#define PROTO_LINE_MAX   (48 * 1024)
#define PROTO_ANSWER_MAX 2048
#define PROTO_PIECE_MAX  (1024 * 1024)
#define PROTO_SCRIPT_MAX (1024 * 1024)
#define PROTO_NOISE_MAX  (64 * 1024) /* before the hello */
#define PROTO_LIST_MAX   (256 * 1024 * 1024)
#define PROTO_LINGER_MS  500
#define PROTO_PING_MS    5000
#define PROTO_SILENCE_MS 20000

#define PROTO_STAT_FORMAT "%f %d %i %h %u %g %s %b %X %Y %Z %t %T|%y|%z|%n/"

#endif
