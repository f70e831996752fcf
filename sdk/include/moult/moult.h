/*
 * moult.h: the C ABI between the Moult daemon (the host) and a handler plugin.
 *
 * DRAFT until the first tagged release; from then on it only grows. The rules of growth:
 *  - every struct begins with `struct_size`, set by whoever fills the struct to the size that it
 *    knows; structs grow only at the end; arrays carry a stride, never index them with sizeof;
 *  - zero means "as before"; read a field with MOULT_HAS_FIELD before you rely on it;
 *  - only fixed-width integers, pointers to bytes and function pointers cross. No C++ type, bool,
 *    enum, long, FILE, errno or memory ownership crosses: who allocated a thing frees it;
 *  - new functions, of the host or of the plugin, are always optional (may be NULL).
 *
 * Threads. An instance serves one lane: an ordered sequence of batches, one per partition. Calls on
 * one instance never overlap and are ordered (each sees the memory effects of the one before), but
 * may come from different threads of the generation's worker pool. Calls on different instances
 * run in parallel. Every function is tagged below with
 *   [worker]    called on a worker thread of the plugin's generation
 *   [loader]    called on the thread that loads the plugin
 *   [any]       may be called from any thread that the plugin itself runs during one of its calls
 *
 * Nothing may be thrown or longjmp'ed through a function of this header. C++ authors want
 * <moult/moult.hpp>, which takes care of that.
 */
#ifndef MOULT_MOULT_H
#define MOULT_MOULT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if !defined(__GNUC__)
#error "plugins are ELF files built with GCC or Clang"
#endif

/* A host refuses a plugin of another major, and one of a newer minor whose `required` capabilities
 * it does not know. */
#define MOULT_ABI_MAJOR 1u
#define MOULT_ABI_MINOR 0u

/* True when the struct at `ptr` is new enough to have `field`. */
#define MOULT_HAS_FIELD(ptr, field) \
  ((ptr)->struct_size >= offsetof(__typeof__(*(ptr)), field) + sizeof((ptr)->field))

/* ---- Records and batches ------------------------------------------------------------------- */

/* moult_record.timestamp_type */
#define MOULT_TIMESTAMP_NONE 0u
#define MOULT_TIMESTAMP_CREATE 1u
#define MOULT_TIMESTAMP_LOG_APPEND 2u

/* One header of a record. The name is NUL-terminated as well; a NULL value is a null header. */
typedef struct moult_header {
  uint32_t struct_size;
  uint32_t name_size; /* bytes, without the NUL */
  const char* name;
  const uint8_t* value;
  uint32_t value_size; /* bytes */
  uint32_t reserved;
} moult_header;

/* One record, a borrowed view: pointers live until `consume` returns. */
typedef struct moult_record {
  uint32_t struct_size;
  uint32_t attempt;      /* 1 the first time this record reaches the handler in this lane */
  int64_t offset;        /* offsets of a batch grow; gaps are normal */
  int64_t timestamp_ms;  /* since the Unix epoch; -1 when there is none */
  const uint8_t* key;    /* NULL: no key */
  const uint8_t* value;  /* NULL: a tombstone */
  uint32_t key_size;     /* bytes */
  uint32_t value_size;   /* bytes */
  uint32_t header_begin; /* index of the first header in moult_batch.headers */
  uint32_t header_count; /* always 0 unless the plugin has MOULT_CAP_HEADERS */
  uint32_t timestamp_type;
  uint32_t reserved;
} moult_record;

/* What became of a record. */
#define MOULT_UNSET 0u /* preset by the host; never acknowledged: it counts as a failed retry */
#define MOULT_OK 1u    /* finished */
#define MOULT_RETRY                                                            \
  2u /* again after a backoff, with all that follows it in its lane; after the \
        configured number of attempts it is given up */
#define MOULT_DEAD_LETTER                                                                     \
  3u                   /* given up at once: goes where the configuration's `dead_letter` says \
                          (without one: as MOULT_RETRY); what follows it goes on */
#define MOULT_SKIP 4u  /* finished without having been handled; logged and counted */
#define MOULT_FATAL 5u /* stops the lane here, for a person to look at */

typedef struct moult_outcome {
  uint32_t struct_size;
  uint32_t code;           /* MOULT_OK, MOULT_RETRY, … */
  uint32_t retry_after_ms; /* MOULT_RETRY: 0 leaves the backoff to the host's configuration */
  int32_t error_code;      /* the plugin's own number, for logs and dead letters */
  const char* error;       /* bytes of UTF-8, or NULL; must live until the next call on this
                              instance; the host copies at most 1024 bytes */
  uint32_t error_size;
  uint32_t reserved;
} moult_outcome;

/* What a lane has ready, in order. Everything reached from here lives until `consume` returns. */
typedef struct moult_batch {
  uint32_t struct_size;
  uint32_t record_stride; /* bytes between two records */
  const moult_record* records;
  uint32_t record_count;
  uint32_t outcome_stride;
  moult_outcome* outcomes; /* record_count of them, preset to MOULT_UNSET, for the plugin to fill */
  const char* topic;       /* NUL-terminated; the name as the broker knows it */
  uint32_t topic_size;     /* bytes, without the NUL */
  int32_t partition;
  uint64_t epoch;         /* assignment epoch: grows with every assignment of this process */
  int64_t high_watermark; /* the partition's end as last heard from the broker; -1 unknown */
  const moult_header* headers;
  uint32_t header_stride;
  uint32_t header_count;
} moult_batch;

#ifdef __cplusplus /* C's casts are the only ones that both languages have */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#endif

static inline const moult_record* moult_record_at(const moult_batch* batch, uint32_t index) {
  return (const moult_record*)(const void*)((const char*)batch->records +
                                            (size_t)index * batch->record_stride);
}

static inline moult_outcome* moult_outcome_at(const moult_batch* batch, uint32_t index) {
  return (moult_outcome*)(void*)((char*)batch->outcomes + (size_t)index * batch->outcome_stride);
}

static inline const moult_header* moult_header_at(const moult_batch* batch, uint32_t index) {
  return (const moult_header*)(const void*)((const char*)batch->headers +
                                            (size_t)index * batch->header_stride);
}

/* The common case in one line: every record of the batch is finished. */
static inline void moult_all_ok(const moult_batch* batch) {
  uint32_t i;
  for (i = 0; i < batch->record_count; i++) moult_outcome_at(batch, i)->code = MOULT_OK;
}

#ifdef __cplusplus
#pragma GCC diagnostic pop
#endif

/* ---- What the host offers ------------------------------------------------------------------ */

#define MOULT_LOG_DEBUG 1u
#define MOULT_LOG_INFO 2u
#define MOULT_LOG_WARNING 3u
#define MOULT_LOG_ERROR 4u

typedef struct moult_log_field {
  uint32_t struct_size;
  uint32_t reserved;
  const char* key;   /* NUL-terminated */
  const char* value; /* NUL-terminated */
} moult_log_field;

/* moult_message.flags */
#define MOULT_PRODUCE_TIED                                                 \
  1u /* the record at `tied_offset` is finished only once the broker has   \
        acknowledged this message; when it can't be delivered, that record \
        is retried, with all that follows it in its lane, also when        \
        produce() did not take it and the record was reported as done */

/* A record to produce. */
typedef struct moult_message {
  uint32_t struct_size;
  uint32_t flags;
  const char* topic;   /* without the configured topic_prefix, which the host puts before it */
  uint32_t topic_size; /* bytes */
  uint32_t header_count;
  const uint8_t* key;   /* NULL: no key */
  const uint8_t* value; /* NULL: a tombstone */
  uint32_t key_size;
  uint32_t value_size;
  const moult_header* headers;
  uint32_t header_stride;
  uint32_t reserved;
  int64_t tied_offset; /* of a record of the batch that is being consumed */
} moult_message;

/* What produce() answers beside MOULT_SUCCESS. */
#define MOULT_PRODUCE_FULL 2    /* the queue stayed full until the call was cancelled */
#define MOULT_PRODUCE_REFUSED 3 /* too large, or a topic's name that can't be */
#define MOULT_PRODUCE_NOT_NOW 4 /* no lane (the entry's handle), or no batch to tie it to */

/* The host's side of one instance (lives as long as the instance) or, in the entry function, of the
 * whole plugin (lives as long as the library is loaded). Opaque; never NULL. */
typedef struct moult_host_handle moult_host_handle;

typedef struct moult_host {
  uint32_t struct_size;
  uint32_t abi_minor; /* of the host */

  /* [any, loader] Writes one line to the host's log, beside the handler's name. `message` is
   * NUL-terminated. Strings are copied before the call returns; what is longer than 4096 bytes
   * (message), 64 (key) or 1024 (value), and fields after the 16th, are cut off. */
  void (*log)(moult_host_handle* handle, uint32_t level, const char* message,
              const moult_log_field* fields, uint32_t field_count, uint32_t field_stride);

  /* [any, loader] Milliseconds since the Unix epoch, from the host's clock. */
  int64_t (*now_ms)(moult_host_handle* handle);

  /* [any] 1 once the running call has overstayed: its partition is being taken away, or the daemon
   * stops, and the deadline passed (then nothing that you report will be used); or it runs longer
   * than the handler's own deadline (then it still counts). Return soon. */
  int32_t (*cancelled)(moult_host_handle* handle);

  /* [any, loader] A table of further functions by its id, or NULL when this host does not have it.
   * Ids beginning with "draft." may change between releases. */
  const void* (*extension)(moult_host_handle* handle, const char* id);

  /* [any] Queues a message for the broker and returns MOULT_SUCCESS or MOULT_PRODUCE_…; everything
   * is copied before the call returns. Waits while the queue is full. A message that is not tied
   * and can't be delivered is logged and counted. */
  int32_t (*produce)(moult_host_handle* handle, const moult_message* message);
} moult_host;

/* ---- What the plugin offers ---------------------------------------------------------------- */

/* Results of plugin functions. */
#define MOULT_SUCCESS 0
#define MOULT_FAILURE 1

/* Capabilities, in the descriptor. */
#define MOULT_CAP_HEADERS (UINT64_C(1) << 0) /* fill in the records' headers (else not parsed) */
#define MOULT_CAP_PADDED (UINT64_C(1) << 1)  /* MOULT_PADDING readable bytes after each value */
#define MOULT_CAP_STATE (UINT64_C(1) << 2)   /* hand the state of a lane to the next generation */

#define MOULT_PADDING 64u

/* Why an instance is told to let go of its lane. */
#define MOULT_REVOKED 1u  /* the group gives the partition to someone else: last chance to flush */
#define MOULT_LOST 2u     /* it is gone already, someone else may be working on it */
#define MOULT_STOPPING 3u /* the daemon stops */
#define MOULT_REPLACED 4u /* a newer generation takes the lane over: last chance to flush */

/* Where create(), self_test(), state_export() and state_import() may say why they failed. */
typedef struct moult_error {
  uint32_t struct_size;
  uint32_t capacity; /* bytes of `text`, with room for the NUL */
  char* text;        /* written by the plugin, NUL-terminated */
} moult_error;

typedef struct moult_lane {
  uint32_t struct_size;
  int32_t partition;
  const char* topic; /* NUL-terminated; lives until the call returns */
  uint32_t topic_size;
  uint32_t reserved;
  uint64_t epoch;
} moult_lane;

/* What an instance hands to its successor, at most MOULT_STATE_MAX bytes a lane. The schema is a
 * name like "orders.counts", shorter than MOULT_NAME_SIZE; it says what the bytes mean, together
 * with the version, which is the plugin's own number. */
#define MOULT_STATE_MAX (UINT64_C(64) << 20)

typedef struct moult_state {
  uint32_t struct_size;
  uint32_t version;
  const char* schema;   /* NUL-terminated */
  uint32_t schema_size; /* bytes, without the NUL */
  uint32_t reserved;
  const uint8_t* bytes; /* never NULL; everything here lives until the call returns */
  uint64_t size;        /* bytes */
} moult_state;

/* Where state_export() writes, opaque. */
typedef struct moult_state_sink moult_state_sink;

typedef struct moult_state_writer {
  uint32_t struct_size;
  uint32_t reserved;
  moult_state_sink* sink; /* for the functions below; lives until state_export returns */

  /* Once, before the first write: MOULT_FAILURE for a second time, and for a schema that can't be.
   * The schema is NUL-terminated and copied. */
  int32_t (*begin)(moult_state_sink* sink, const char* schema, uint32_t version);

  /* Appends bytes, as often as there are some; they are copied. MOULT_FAILURE past MOULT_STATE_MAX,
   * and before begin. After any failure the export counts as failed, whatever it returns. */
  int32_t (*write)(moult_state_sink* sink, const uint8_t* bytes, uint64_t size);
} moult_state_writer;

/* An instance, opaque to the host. */
typedef struct moult_instance moult_instance;

/* The plugin's functions. NULL functions are skipped, except create, consume and destroy, which
 * must be there, and with MOULT_CAP_STATE state_export and state_import. In C, name the fields when
 * you fill this in (`.create = create`): those of a later release are then NULL without a warning.
 */
typedef struct moult_plugin {
  uint32_t struct_size;
  uint32_t reserved;

  /* [worker] Makes the instance of one lane. `settings` is the handler's `settings` of the
   * configuration as one JSON object, NUL-terminated, alive until the call returns; `host` and
   * `handle` live as long as the instance. Returns NULL after writing `error`: the lane waits and
   * tries again, other lanes go on. */
  moult_instance* (*create)(const moult_host* host, moult_host_handle* handle, const char* settings,
                            uint32_t settings_size, const moult_lane* lane, moult_error* error);

  /* [worker] After create, before the first batch of the lane. */
  void (*assigned)(moult_instance* instance, const moult_lane* lane);

  /* [worker] Handles a batch: fills the outcomes and returns MOULT_SUCCESS. Anything else means
   * that the records without an outcome failed and are to be retried. When there are several, any
   * of them may be at fault: they come again one by one, and only then is one given up. The first
   * of them may have an error, a number and a wait for that. */
  int32_t (*consume)(moult_instance* instance, const moult_batch* batch);

  /* [worker] The lane is given up for `reason` (MOULT_REVOKED, MOULT_LOST, …), after its running
   * batch ended. What takes longer than `deadline_ms` from now is not waited for. With
   * MOULT_REPLACED the newer generation's instance, which exists already, is assigned and gets its
   * first batch only after this call. */
  void (*revoked)(moult_instance* instance, uint32_t reason, int64_t deadline_ms);

  /* [worker] The last call on an instance; frees it. */
  void (*destroy)(moult_instance* instance);

  /* [worker] In the throw-away process in which a new version is tried, after create and before
   * assigned: looks whether it could work (is the database there, do the tables fit). Anything but
   * MOULT_SUCCESS, after writing `error`, refuses this version; the one that runs goes on. */
  int32_t (*self_test)(moult_instance* instance, moult_error* error);

  /* [worker] With MOULT_CAP_STATE, when a newer generation takes the lane over, after the running
   * batch ended: writes what the next instance of the lane has to know. Anything but MOULT_SUCCESS,
   * after writing `error`, refuses the newer generation for this lane. Must leave the instance able
   * to go on: the newer one may refuse the state, and then batches come here as if nothing had
   * happened. Otherwise revoked(MOULT_REPLACED) comes next. Flush before you write: what is handed
   * over and flushed in revoked() as well is done twice. */
  int32_t (*state_export)(moult_instance* instance, const moult_state_writer* writer,
                          moult_error* error);

  /* [worker] With MOULT_CAP_STATE, after create and before assigned: takes over what the instance
   * before wrote. Not called for a lane without such a one, or when its generation hands nothing
   * over. Anything but MOULT_SUCCESS, after writing `error`, refuses it (do so with another schema,
   * a newer version, bytes that don't fit); the instance is then destroyed. */
  int32_t (*state_import)(moult_instance* instance, const moult_state* state, moult_error* error);
} moult_plugin;

/* ---- The descriptor ------------------------------------------------------------------------ */

/* The same words stand in an ELF note (section .note.moult, owner "Moult", type 1), so that a host
 * can refuse a file before any of its code runs. */
#define MOULT_NOTE_OWNER "Moult"
#define MOULT_NOTE_OWNER_SIZE 12
#define MOULT_NOTE_TYPE 1u
#define MOULT_NAME_SIZE 64

typedef struct moult_descriptor {
  uint32_t struct_size;
  uint32_t abi_major;
  uint32_t abi_minor;
  uint32_t reserved;
  uint64_t capabilities; /* what this plugin wants (MOULT_CAP_…); unknown bits are ignored */
  uint64_t required;     /* those without which it can't run: an unknown bit here is a refusal */
  char name[MOULT_NAME_SIZE];    /* NUL-terminated */
  char version[MOULT_NAME_SIZE]; /* NUL-terminated */
} moult_descriptor;

typedef struct moult_note {
  uint32_t owner_size;
  uint32_t descriptor_size;
  uint32_t type;
  char owner[MOULT_NOTE_OWNER_SIZE]; /* "Moult", NUL-padded: the descriptor then starts at 24 */
  moult_descriptor descriptor;
} moult_note;

#define MOULT_EXPORT __attribute__((visibility("default")))
#define MOULT_NOTE_SECTION __attribute__((section(".note.moult"), used, aligned(8)))

/* The one exported function, with the ABI's major in its name. [loader] Called once after loading;
 * returns the plugin's table, which lives as long as the library is loaded, or NULL to refuse.
 * `host` and `handle` live as long as the library is loaded. */
#define MOULT_ENTRY moult_entry_1
#define MOULT_ENTRY_NAME "moult_entry_1"
typedef const moult_plugin* (*moult_entry_fn)(const moult_host* host, moult_host_handle* handle,
                                              const moult_descriptor** descriptor);

/* Defines the note and the entry of a plugin: once in a plugin, at file scope.
 *   MOULT_PLUGIN(&table, "orders", "1.4.0", MOULT_CAP_HEADERS, 0)          */
#ifdef __cplusplus
#define MOULT_EXTERN_C extern "C"
#else
#define MOULT_EXTERN_C
#endif
#define MOULT_DECLARE_ENTRY                                    \
  MOULT_EXTERN_C MOULT_EXPORT const moult_plugin* MOULT_ENTRY( \
      const moult_host* host, moult_host_handle* handle, const moult_descriptor** descriptor)
#define MOULT_PLUGIN(table, plugin_name, plugin_version, wanted, needed)                  \
  MOULT_NOTE_SECTION static const moult_note moult_plugin_note = {                        \
      MOULT_NOTE_OWNER_SIZE,                                                              \
      sizeof(moult_descriptor),                                                           \
      MOULT_NOTE_TYPE,                                                                    \
      MOULT_NOTE_OWNER,                                                                   \
      {sizeof(moult_descriptor), MOULT_ABI_MAJOR, MOULT_ABI_MINOR, 0, (wanted), (needed), \
       plugin_name, plugin_version}};                                                     \
  MOULT_DECLARE_ENTRY;                                                                    \
  MOULT_DECLARE_ENTRY {                                                                   \
    (void)host;                                                                           \
    (void)handle;                                                                         \
    *descriptor = &moult_plugin_note.descriptor;                                          \
    return (table);                                                                       \
  }                                                                                       \
  MOULT_DECLARE_ENTRY

#ifdef __cplusplus
}
#endif

#endif /* MOULT_MOULT_H */
