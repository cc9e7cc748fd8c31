// Sandboxes by the rules of ComputeSDK's Kubernetes provider, written from what is known of it: its names,
// labels, annotations, ids, calls. Nothing of it is copied. One verb a call, JSON on standard output.
//
//	node provider.js create node|python [--image I] [--env K=V] [--meta K=V]
//	node provider.js list | get ID | info ID | destroy ID
//	node provider.js run ID CMD [--cwd DIR] [--env K=V] [--background]
//
// PROVIDER_NAMESPACE stands for its option "namespace", PROVIDER_KUBECONFIG for its option "kubeConfigPath".
import { CoreV1Api, Exec, KubeConfig } from '@kubernetes/client-node';
import { Writable } from 'node:stream';

const LABEL = 'computesdk.io/';
const MARKER = '__COMPUTESDK_EXIT_CODE__=';
const CONTAINER = 'sandbox';
const IMAGES = { node: 'node:20-alpine', python: 'python:3.11-slim' };
const WAIT_MS = 120000;
const EXEC_MS = 60000; // it would wait for ever where no status comes

function kubeConfig() {
	const kc = new KubeConfig();

	if (process.env.KUBECONFIG_B64)
		kc.loadFromString(Buffer.from(process.env.KUBECONFIG_B64, 'base64').toString('utf8'));
	else if (process.env.PROVIDER_KUBECONFIG)
		kc.loadFromFile(process.env.PROVIDER_KUBECONFIG);
	else
		kc.loadFromDefault();
	return kc;
}

// The context's namespace is not looked at.
const defaultNamespace = process.env.PROVIDER_NAMESPACE || 'default';
const kc = kubeConfig();
const core = kc.makeApiClient(CoreV1Api);

function idOf(pod) {
	return `${pod.metadata.namespace}/${pod.metadata.name}`;
}

function parseId(id) {
	const slash = id.indexOf('/');

	return slash < 0 ? { namespace: defaultNamespace, name: id }
		: { namespace: id.slice(0, slash), name: id.slice(slash + 1) };
}

const isMissing = (e) => e?.code === 404 || e?.statusCode === 404;

// --- a Pod as a sandbox ------------------------------------------------------------------------

function runtimeOf(pod) {
	const runtime = pod.metadata.labels?.[`${LABEL}runtime`];

	// so one Pod that has another breaks the list for everybody
	if (runtime !== undefined && !(runtime in IMAGES))
		throw new Error(`Unsupported runtime "${runtime}" of ${idOf(pod)}`);
	return runtime ?? 'node';
}

function metadataOf(pod) {
	const prefix = `${LABEL}meta-`;
	const all = Object.entries(pod.metadata.annotations ?? {}).filter(([key]) => key.startsWith(prefix));

	return Object.fromEntries(all.map(([key, value]) => [key.slice(prefix.length), value]));
}

function statusOf(pod) {
	return { Running: 'running', Succeeded: 'stopped' }[pod.status?.phase] ?? 'error';
}

function sandboxOf(pod) {
	return { id: idOf(pod), runtime: runtimeOf(pod), status: statusOf(pod), metadata: metadataOf(pod) };
}

// --- the calls ---------------------------------------------------------------------------------------

async function waitRunning({ namespace, name }) {
	for (const end = Date.now() + WAIT_MS; Date.now() < end;) {
		const pod = await core.readNamespacedPod({ namespace, name });

		if (pod.status?.phase === 'Running')
			return pod;
		if (pod.status?.phase === 'Failed')
			throw new Error(`Pod ${name} failed`);
		await new Promise((resolve) => setTimeout(resolve, 250));
	}
	throw new Error(`Pod ${name} did not run in time`); // and is left behind
}

async function create([runtime = 'node'], { image, env = [], meta = [] }) {
	const name = `computesdk-sbx-${Math.random().toString(36).slice(2, 10)}`;
	const pairs = (all) => all.map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]);
	const body = {
		apiVersion: 'v1',
		kind: 'Pod',
		metadata: {
			name,
			namespace: defaultNamespace,
			labels: {
				[`${LABEL}managed`]: 'true',
				[`${LABEL}runtime`]: runtime,
				[`${LABEL}sandbox-id`]: name,
			},
			annotations: Object.fromEntries(pairs(meta).map(([key, value]) => [`${LABEL}meta-${key}`, value])),
		},
		spec: {
			restartPolicy: 'Never',
			terminationGracePeriodSeconds: 5,
			containers: [{
				name: CONTAINER,
				image: image ?? IMAGES[runtime],
				command: ['sh', '-c', 'while true; do sleep 3600; done'],
				env: pairs(env).map(([key, value]) => ({ name: key, value })),
			}],
		},
	};

	await core.createNamespacedPod({ namespace: defaultNamespace, body });
	return sandboxOf(await waitRunning({ namespace: defaultNamespace, name }));
}

async function list() {
	const pods = await core.listNamespacedPod({ namespace: defaultNamespace, labelSelector: `${LABEL}managed=true` });

	return pods.items.map(sandboxOf);
}

// Whether it is labelled as managed is not looked at.
async function get([id]) {
	try {
		return sandboxOf(await core.readNamespacedPod(parseId(id)));
	} catch (e) {
		if (isMissing(e))
			return null;
		throw new Error(`Failed to fetch sandbox ${id}: ${e.message}`);
	}
}

async function destroy([id]) {
	const { namespace, name } = parseId(id);
	const ignoreMissing = (e) => {
		if (!isMissing(e))
			throw e;
	};

	await core.deleteNamespacedPod({ namespace, name }).catch(ignoreMissing);
	await core.deleteNamespacedService({ namespace, name: `${name}-svc` }).catch(ignoreMissing);
	return { destroyed: true };
}

// --- running ------------------------------------------------------------------------------------------

const quoted = (text) => `"${text.replace(/[\\"$`]/g, '\\$&')}"`;

function wrapped(command, { cwd, env = [], background }) {
	const settings = env.map((text) => `${text.slice(0, text.indexOf('='))}=${quoted(text.slice(text.indexOf('=') + 1))} `);
	let line = settings.join('') + command;

	if (cwd)
		line = `cd ${quoted(cwd)} && ${line}`;
	if (background)
		line = `nohup ${line} >/tmp/computesdk-bg.log 2>&1 &`;
	return `(${line}); rc=$?; printf '\\n${MARKER}%s\\n' "$rc"`;
}

function collector() {
	const parts = [];
	const stream = new Writable({
		write(chunk, encoding, done) {
			parts.push(Buffer.from(chunk));
			done();
		},
	});

	return { stream, text: () => Buffer.concat(parts).toString('utf8') };
}

// The last marker of either stream; without one what is in stderr decides.
function exitCode(out, err) {
	for (const text of [out, err]) {
		const at = text.lastIndexOf(MARKER);

		if (at >= 0)
			return parseInt(text.slice(at + MARKER.length), 10);
	}
	return err ? 1 : 0;
}

async function run([id, command], options) {
	const { namespace, name } = parseId(id);
	const out = collector();
	const err = collector();

	await new Promise((resolve, reject) => {
		const timer = setTimeout(() => reject(new Error('no status came')), EXEC_MS);
		const ended = () => {
			clearTimeout(timer);
			resolve();
		};

		new Exec(kc).exec(namespace, name, CONTAINER, ['sh', '-c', wrapped(command, options)], out.stream,
			err.stream, null, false, ended).catch(reject);
	});
	return {
		stdout: out.text().replace(new RegExp(`\\n${MARKER}\\d+\\n$`), ''),
		stderr: err.text(),
		exitCode: exitCode(out.text(), err.text()),
	};
}

// --- from the command line ----------------------------------------------------------------------------

function parse(argv) {
	const words = [];
	const options = {};

	for (let i = 0; i < argv.length; i++) {
		const name = argv[i].slice(2);

		if (!argv[i].startsWith('--'))
			words.push(argv[i]);
		else if (name === 'background')
			options.background = true;
		else if (name === 'env' || name === 'meta')
			(options[name] ??= []).push(argv[++i]);
		else
			options[name] = argv[++i];
	}
	return { words, options };
}

const verbs = { create, list, get, info: get, destroy, run };
const [verb, ...rest] = process.argv.slice(2);
const { words, options } = parse(rest);

try {
	process.stdout.write(`${JSON.stringify(await verbs[verb](words, options))}\n`, () => process.exit(0));
} catch (e) {
	process.stderr.write(`${e?.message ?? e}\n`);
	process.exit(1);
}
