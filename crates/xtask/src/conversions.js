// What takes the place of wasm-bindgen's functions of the same names: they do the same, and less where it cannot be needed
// here. `answerPair` stands for what wasm-bindgen writes out in each import that answers a text.

let bytesOfMemory, wordsOfMemory;

// The memory as it is now: when it grows, its views lose their bytes.
function getUint8ArrayMemory0() {
    if (!bytesOfMemory?.byteLength) {
        bytesOfMemory = new Uint8Array(wasm.memory.buffer);
        wordsOfMemory = new Int32Array(wasm.memory.buffer);
    }
    return bytesOfMemory;
}

function answerPair(to, ptr, len) {
    getUint8ArrayMemory0();
    wordsOfMemory[to >>> 2] = ptr;
    wordsOfMemory[(to >>> 2) + 1] = len;
}

function passArray8ToWasm0(arg, malloc) {
    const ptr = malloc(arg.length, 1) >>> 0;
    getUint8ArrayMemory0().set(arg, ptr);
    WASM_VECTOR_LEN = arg.length;
    return ptr;
}

// An encoder takes longer than a loop for short texts, and a third of the time for long ones: lists of peers, and descriptions
// of sessions.
function passStringToWasm0(arg, malloc) {
    const len = arg.length;
    if (len < 256) {
        const ptr = malloc(len, 1) >>> 0;
        const mem = getUint8ArrayMemory0();
        let offset = 0;
        for (let code; offset < len && (code = arg.charCodeAt(offset)) < 0x80; offset++) {
            mem[ptr + offset] = code;
        }
        WASM_VECTOR_LEN = len;
        if (offset === len) return ptr;
        wasm.__wbindgen_free(ptr, len, 1);
    }
    return passArray8ToWasm0(textEncoder.encode(arg), malloc);
}

const textEncoder = new TextEncoder();

let textDecoder;
let bytesToDecode = 0;

// A decoder of Safari's fails after 2 GiB, and is right only from its second text on.
function decodeText(bytes) {
    bytesToDecode -= bytes.length;
    if (bytesToDecode <= 0) {
        bytesToDecode = 2146435072;
        textDecoder = new TextDecoder('utf-8', { ignoreBOM: true });
        textDecoder.decode();
    }
    return textDecoder.decode(bytes);
}
