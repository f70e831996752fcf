// The same in Rust: a thread_local! with a destructor, a thread, a caught panic, over the C ABI.
use std::cell::RefCell;
use std::os::raw::{c_char, c_void};
use std::ptr;

#[repr(C)]
pub struct Batch {
    struct_size: u32,
    record_stride: u32,
    records: *const u8,
    record_count: u32,
    outcome_stride: u32,
    outcomes: *mut u8,
}

#[repr(C)]
pub struct Plugin {
    struct_size: u32,
    reserved: u32,
    create: extern "C" fn(*const c_void, *mut c_void, *const c_char, u32, *const c_void, *mut c_void) -> *mut Handler,
    assigned: *const c_void,
    consume: extern "C" fn(*mut Handler, *const Batch) -> i32,
    revoked: *const c_void,
    destroy: extern "C" fn(*mut Handler),
}
unsafe impl Sync for Plugin {}

#[repr(C, align(8))]
pub struct Note {
    owner_size: u32,
    descriptor_size: u32,
    kind: u32,
    owner: [u8; 12],
    descriptor: Descriptor,
}

#[repr(C)]
pub struct Descriptor {
    struct_size: u32,
    abi_major: u32,
    abi_minor: u32,
    reserved: u32,
    capabilities: u64,
    required: u64,
    name: [u8; 64],
    version: [u8; 64],
}

const fn padded<const N: usize>(text: &[u8]) -> [u8; N] {
    let mut all = [0u8; N];
    let mut i = 0;
    while i < text.len() {
        all[i] = text[i];
        i += 1;
    }
    all
}

#[used]
#[link_section = ".note.moult"]
static NOTE: Note = Note {
    owner_size: 12,
    descriptor_size: 160,
    kind: 1,
    owner: padded(b"Moult"),
    descriptor: Descriptor {
        struct_size: 160,
        abi_major: 1,
        abi_minor: 0,
        reserved: 0,
        capabilities: 0,
        required: 0,
        name: padded(b"thorough_rust"),
        version: padded(b"1.0.0"),
    },
};

pub struct Handler {
    records: u64,
}

struct Noisy(Vec<String>);
impl Drop for Noisy {
    fn drop(&mut self) {
        self.0.push(String::from("dropped"));
    }
}
thread_local! {
    static SEEN: RefCell<Noisy> = const { RefCell::new(Noisy(Vec::new())) };
}

fn see(what: String) {
    SEEN.with(|seen| seen.borrow_mut().0.push(what));
}

extern "C" fn create(
    _: *const c_void, _: *mut c_void, _: *const c_char, _: u32, _: *const c_void, _: *mut c_void,
) -> *mut Handler {
    std::thread::spawn(|| see(String::from("in a thread"))).join().unwrap();
    Box::into_raw(Box::new(Handler { records: 0 }))
}

extern "C" fn consume(handler: *mut Handler, batch: *const Batch) -> i32 {
    let (handler, batch) = unsafe { (&mut *handler, &*batch) };
    std::panic::set_hook(Box::new(|_| {}));
    let caught = std::panic::catch_unwind(|| panic!("caught where it is thrown")).is_err();
    let _ = std::panic::take_hook();
    for i in 0..batch.record_count as usize {
        handler.records += 1;
        see(format!("record {}", handler.records));
        // The outcome's code is its second field.
        let outcome = unsafe { batch.outcomes.add(i * batch.outcome_stride as usize) } as *mut u32;
        unsafe { *outcome.add(1) = 1 };
    }
    if caught { 0 } else { 1 }
}

extern "C" fn destroy(handler: *mut Handler) {
    drop(unsafe { Box::from_raw(handler) });
}

static TABLE: Plugin = Plugin {
    struct_size: 48, // of the first release: what came later is not there
    reserved: 0,
    create,
    assigned: ptr::null(),
    consume,
    revoked: ptr::null(),
    destroy,
};

#[no_mangle]
pub extern "C" fn moult_entry_1(
    _: *const c_void, _: *mut c_void, descriptor: *mut *const Descriptor,
) -> *const Plugin {
    unsafe { *descriptor = &NOTE.descriptor };
    &TABLE
}
