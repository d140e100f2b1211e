/* Python in a Web Worker: one instance stays alive, one message in, one answer out.

   The engine is a program for WASI, the system calls of WebAssembly. It needs few of them here: it
   reads one file, its library, asks for the time and for chance, and writes text. Those are below;
   whatever else a program may ask for is answered by "there is no such call". */
"use strict";

const OK = 0, BAD_FILE = 8, NO_ENTRY = 44, NO_CALL = 52;  // WASI's names for what went wrong
const CHARACTERS = 2, FOLDER = 3, FILE = 4;  // its kinds of files
const HOME = "/usr/local/lib", LIBRARY = "python315.zip", HOME_FD = 3;  // where Python looks for it

let python, written = "";

function systemCalls(library, memory) {
  const view = () => new DataView(memory().buffer);
  const bytes = (at, size) => new Uint8Array(memory().buffer, at, size);
  const text = (at, size) => new TextDecoder().decode(bytes(at, size));
  const open = new Map();  // file number to the place read next
  const decoder = new TextDecoder();

  const kind = (fd) => (fd < HOME_FD ? CHARACTERS : fd === HOME_FD ? FOLDER : FILE);
  const known = (fd) => fd <= HOME_FD || open.has(fd);
  const named = (at, size) => ({ "": FOLDER, ".": FOLDER, [LIBRARY]: FILE })[text(at, size)];
  const long = (at, value) => view().setBigUint64(at, BigInt(value), true);
  const word = (at, value) => view().setUint32(at, value, true);

  function strings(list) {  // program arguments and environment: how many, how long; then the texts
    const coded = list.map((one) => new TextEncoder().encode(one + "\0"));
    return [
      (count, size) => { word(count, list.length); word(size, coded.reduce((sum, c) => sum + c.length, 0)); return OK; },
      (places, at) => {
        coded.forEach((one, i) => { word(places + 4 * i, at); bytes(at, one.length).set(one); at += one.length; });
        return OK;
      },
    ];
  }
  function pieces(at, count) {  // where to read from or to write to
    return Array.from({ length: count }, (_, i) =>
      bytes(view().getUint32(at + 8 * i, true), view().getUint32(at + 8 * i + 4, true)));
  }
  function fill(at, count, place, told) {
    let total = 0;
    for (const piece of pieces(at, count)) {
      const part = library.subarray(place + total, place + total + piece.length);
      piece.set(part);
      total += part.length;
    }
    word(told, total);
    return total;
  }
  function describe(what, at) {
    bytes(at, 64).fill(0);
    view().setUint8(at + 16, what);
    long(at + 24, 1);
    long(at + 32, what === FILE ? library.length : 0);
    return OK;
  }

  const [args_sizes_get, args_get] = strings(["/usr/local/bin/python.wasm"]);
  const [environ_sizes_get, environ_get] = strings(["HOME=/", "PYTHONTZPATH="]);
  return {
    args_sizes_get, args_get, environ_sizes_get, environ_get,
    clock_res_get: (_, at) => { long(at, 1000); return OK; },
    clock_time_get: (clock, _, at) => {
      long(at, Math.round((clock === 0 ? Date.now() : performance.now()) * 1e6));
      return OK;
    },
    random_get: (at, size) => {
      for (let i = 0; i < size; i += 65536) crypto.getRandomValues(bytes(at + i, Math.min(65536, size - i)));
      return OK;
    },
    proc_exit: (status) => { throw new Error(`Python ended with status ${status}`); },
    sched_yield: () => OK,
    poll_oneoff: (wanted, to, count, told) => {  // time.sleep: wait until a time, for nothing else
      if (count !== 1 || view().getUint8(wanted + 8) !== 0) return NO_CALL;
      const now = () => (view().getUint32(wanted + 16, true) === 0 ? Date.now() : performance.now());
      const given = Number(view().getBigUint64(wanted + 24, true)) / 1e6;
      const end = view().getUint16(wanted + 40, true) & 1 ? given : now() + given;
      while (now() < end);
      bytes(to, 32).fill(0);
      bytes(to, 8).set(bytes(wanted, 8));
      word(told, 1);
      return OK;
    },

    fd_prestat_get: (fd, at) => {
      if (fd !== HOME_FD) return BAD_FILE;
      word(at, 0);
      word(at + 4, HOME.length);
      return OK;
    },
    fd_prestat_dir_name: (_, at) => { bytes(at, HOME.length).set(new TextEncoder().encode(HOME)); return OK; },
    path_filestat_get: (_, __, at, size, to) => {
      const what = named(at, size);
      return what ? describe(what, to) : NO_ENTRY;
    },
    path_open: (_, __, at, size, ___, ____, _____, ______, to) => {
      if (named(at, size) !== FILE) return NO_ENTRY;
      let fd = HOME_FD + 1;
      while (open.has(fd)) fd++;
      open.set(fd, 0);
      word(to, fd);
      return OK;
    },
    fd_filestat_get: (fd, at) => (known(fd) ? describe(kind(fd), at) : BAD_FILE),
    fd_fdstat_get: (fd, at) => {
      if (!known(fd)) return BAD_FILE;
      bytes(at, 24).fill(0);
      view().setUint8(at, kind(fd));
      long(at + 8, 2n ** 64n - 1n);  // everything is allowed
      return OK;
    },
    fd_close: (fd) => (open.delete(fd) ? OK : BAD_FILE),
    fd_read: (fd, at, count, told) => {
      if (fd === 0) { word(told, 0); return OK; }  // no keyboard
      if (!open.has(fd)) return BAD_FILE;
      open.set(fd, open.get(fd) + fill(at, count, open.get(fd), told));
      return OK;
    },
    fd_pread: (fd, at, count, place, told) => {
      if (!open.has(fd)) return BAD_FILE;
      fill(at, count, Number(place), told);
      return OK;
    },
    fd_seek: (fd, by, from, told) => {
      if (!open.has(fd)) return BAD_FILE;
      open.set(fd, Number(by) + [0, open.get(fd), library.length][from]);
      long(told, open.get(fd));
      return OK;
    },
    fd_tell: (fd, told) => { if (!open.has(fd)) return BAD_FILE; long(told, open.get(fd)); return OK; },
    fd_write: (fd, at, count, told) => {
      if (fd !== 1 && fd !== 2) return BAD_FILE;
      let total = 0;
      for (const piece of pieces(at, count)) {
        written += decoder.decode(piece, { stream: true });
        total += piece.length;
      }
      word(told, total);
      return OK;
    },
  };
}

const unzipped = (bytes) => new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));

async function boot({ engine, library }) {
  if (!(engine instanceof WebAssembly.Module)) {
    const type = { headers: { "Content-Type": "application/wasm" } };
    engine = await WebAssembly.compileStreaming(new Response(unzipped(engine), type));
    library = new Uint8Array(await new Response(unzipped(library)).arrayBuffer());
  }
  const calls = systemCalls(library, () => python.memory);
  const imports = { wasi_snapshot_preview1: calls, host: { call: () => -1 } };
  for (const { module, name } of WebAssembly.Module.imports(engine)) imports[module][name] ??= () => NO_CALL;
  python = (await WebAssembly.instantiate(engine, imports)).exports;
  python._initialize();
  if (turn("import play") !== 0) throw new Error(written);
  return { engine, library };
}

function turn(source) {  // run statements where names stay from one turn to the next
  written = "";
  const data = new TextEncoder().encode(source), at = python.host_alloc(data.length);
  new Uint8Array(python.memory.buffer, at, data.length).set(data);
  return python.turn(at, data.length);
}

self.onmessage = async ({ data }) => {
  try {
    if (data.engine) return self.postMessage(await boot(data));
    const request = JSON.stringify(JSON.stringify(data));  // a text in JSON is a text in Python
    if (turn(`play.answer(${request})`) !== 0) throw new Error(written.trim().split("\n").pop());
    self.postMessage({ ...JSON.parse(written), megabytes: python.memory.buffer.byteLength / 2 ** 20 });
  } catch (error) {
    self.postMessage({ ended: error.message });
  }
};
