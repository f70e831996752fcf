// The ABI's layout, pinned: a change here is a change of what released plugins see.
#include <gtest/gtest.h>

#include <cstddef>

#include "sdk/include/moult/moult.h"

namespace moult::abi {
namespace {

static_assert(sizeof(moult_header) == 32);
static_assert(offsetof(moult_header, struct_size) == 0);
static_assert(offsetof(moult_header, name_size) == 4);
static_assert(offsetof(moult_header, name) == 8);
static_assert(offsetof(moult_header, value) == 16);
static_assert(offsetof(moult_header, value_size) == 24);

static_assert(sizeof(moult_record) == 64);
static_assert(offsetof(moult_record, struct_size) == 0);
static_assert(offsetof(moult_record, attempt) == 4);
static_assert(offsetof(moult_record, offset) == 8);
static_assert(offsetof(moult_record, timestamp_ms) == 16);
static_assert(offsetof(moult_record, key) == 24);
static_assert(offsetof(moult_record, value) == 32);
static_assert(offsetof(moult_record, key_size) == 40);
static_assert(offsetof(moult_record, value_size) == 44);
static_assert(offsetof(moult_record, header_begin) == 48);
static_assert(offsetof(moult_record, header_count) == 52);
static_assert(offsetof(moult_record, timestamp_type) == 56);

static_assert(sizeof(moult_outcome) == 32);
static_assert(offsetof(moult_outcome, struct_size) == 0);
static_assert(offsetof(moult_outcome, code) == 4);
static_assert(offsetof(moult_outcome, retry_after_ms) == 8);
static_assert(offsetof(moult_outcome, error_code) == 12);
static_assert(offsetof(moult_outcome, error) == 16);
static_assert(offsetof(moult_outcome, error_size) == 24);

static_assert(sizeof(moult_batch) == 80);
static_assert(offsetof(moult_batch, struct_size) == 0);
static_assert(offsetof(moult_batch, record_stride) == 4);
static_assert(offsetof(moult_batch, records) == 8);
static_assert(offsetof(moult_batch, record_count) == 16);
static_assert(offsetof(moult_batch, outcome_stride) == 20);
static_assert(offsetof(moult_batch, outcomes) == 24);
static_assert(offsetof(moult_batch, topic) == 32);
static_assert(offsetof(moult_batch, topic_size) == 40);
static_assert(offsetof(moult_batch, partition) == 44);
static_assert(offsetof(moult_batch, epoch) == 48);
static_assert(offsetof(moult_batch, high_watermark) == 56);
static_assert(offsetof(moult_batch, headers) == 64);
static_assert(offsetof(moult_batch, header_stride) == 72);
static_assert(offsetof(moult_batch, header_count) == 76);

static_assert(sizeof(moult_log_field) == 24);
static_assert(offsetof(moult_log_field, struct_size) == 0);
static_assert(offsetof(moult_log_field, key) == 8);
static_assert(offsetof(moult_log_field, value) == 16);

static_assert(sizeof(moult_message) == 72);
static_assert(offsetof(moult_message, struct_size) == 0);
static_assert(offsetof(moult_message, flags) == 4);
static_assert(offsetof(moult_message, topic) == 8);
static_assert(offsetof(moult_message, topic_size) == 16);
static_assert(offsetof(moult_message, header_count) == 20);
static_assert(offsetof(moult_message, key) == 24);
static_assert(offsetof(moult_message, value) == 32);
static_assert(offsetof(moult_message, key_size) == 40);
static_assert(offsetof(moult_message, value_size) == 44);
static_assert(offsetof(moult_message, headers) == 48);
static_assert(offsetof(moult_message, header_stride) == 56);
static_assert(offsetof(moult_message, tied_offset) == 64);

static_assert(sizeof(moult_host) == 48);
static_assert(offsetof(moult_host, struct_size) == 0);
static_assert(offsetof(moult_host, abi_minor) == 4);
static_assert(offsetof(moult_host, log) == 8);
static_assert(offsetof(moult_host, now_ms) == 16);
static_assert(offsetof(moult_host, cancelled) == 24);
static_assert(offsetof(moult_host, extension) == 32);
static_assert(offsetof(moult_host, produce) == 40);

static_assert(sizeof(moult_error) == 16);
static_assert(offsetof(moult_error, struct_size) == 0);
static_assert(offsetof(moult_error, capacity) == 4);
static_assert(offsetof(moult_error, text) == 8);

static_assert(sizeof(moult_lane) == 32);
static_assert(offsetof(moult_lane, struct_size) == 0);
static_assert(offsetof(moult_lane, partition) == 4);
static_assert(offsetof(moult_lane, topic) == 8);
static_assert(offsetof(moult_lane, topic_size) == 16);
static_assert(offsetof(moult_lane, epoch) == 24);

static_assert(sizeof(moult_state) == 40);
static_assert(offsetof(moult_state, struct_size) == 0);
static_assert(offsetof(moult_state, version) == 4);
static_assert(offsetof(moult_state, schema) == 8);
static_assert(offsetof(moult_state, schema_size) == 16);
static_assert(offsetof(moult_state, bytes) == 24);
static_assert(offsetof(moult_state, size) == 32);

static_assert(sizeof(moult_state_writer) == 32);
static_assert(offsetof(moult_state_writer, struct_size) == 0);
static_assert(offsetof(moult_state_writer, sink) == 8);
static_assert(offsetof(moult_state_writer, begin) == 16);
static_assert(offsetof(moult_state_writer, write) == 24);

static_assert(sizeof(moult_plugin) == 72);
static_assert(offsetof(moult_plugin, struct_size) == 0);
static_assert(offsetof(moult_plugin, create) == 8);
static_assert(offsetof(moult_plugin, assigned) == 16);
static_assert(offsetof(moult_plugin, consume) == 24);
static_assert(offsetof(moult_plugin, revoked) == 32);
static_assert(offsetof(moult_plugin, destroy) == 40);
static_assert(offsetof(moult_plugin, self_test) == 48);
static_assert(offsetof(moult_plugin, state_export) == 56);
static_assert(offsetof(moult_plugin, state_import) == 64);

static_assert(sizeof(moult_descriptor) == 160);
static_assert(offsetof(moult_descriptor, struct_size) == 0);
static_assert(offsetof(moult_descriptor, abi_major) == 4);
static_assert(offsetof(moult_descriptor, abi_minor) == 8);
static_assert(offsetof(moult_descriptor, capabilities) == 16);
static_assert(offsetof(moult_descriptor, required) == 24);
static_assert(offsetof(moult_descriptor, name) == 32);
static_assert(offsetof(moult_descriptor, version) == 96);

static_assert(sizeof(moult_note) == 184);
static_assert(offsetof(moult_note, owner_size) == 0);
static_assert(offsetof(moult_note, descriptor_size) == 4);
static_assert(offsetof(moult_note, type) == 8);
static_assert(offsetof(moult_note, owner) == 12);
static_assert(offsetof(moult_note, descriptor) == 24);

static_assert(MOULT_ABI_MAJOR == 1);
static_assert(MOULT_UNSET == 0 && MOULT_OK == 1 && MOULT_RETRY == 2);
static_assert(MOULT_REVOKED == 1 && MOULT_LOST == 2 && MOULT_STOPPING == 3);
static_assert(MOULT_REPLACED == 4);
static_assert(MOULT_CAP_HEADERS == 1 && MOULT_CAP_PADDED == 2 && MOULT_PADDING == 64);
static_assert(MOULT_CAP_STATE == 4 && MOULT_STATE_MAX == 67'108'864);
static_assert(MOULT_LOG_DEBUG == 1 && MOULT_LOG_ERROR == 4);
static_assert(MOULT_SUCCESS == 0 && MOULT_FAILURE == 1);

TEST(Layout, FieldsOfOlderStructsAreNotRead) {
  moult_plugin table{};
  table.struct_size = offsetof(moult_plugin, destroy) + sizeof table.destroy;
  EXPECT_TRUE(MOULT_HAS_FIELD(&table, destroy));
  table.struct_size--;
  EXPECT_FALSE(MOULT_HAS_FIELD(&table, destroy));
  EXPECT_TRUE(MOULT_HAS_FIELD(&table, revoked));
}

/// A host of a later minor has larger records and outcomes: the stride counts, not sizeof.
TEST(Layout, ArraysAreReadByTheirStride) {
  struct LargerRecord {
    moult_record record;
    std::uint64_t later;
  };
  struct LargerOutcome {
    moult_outcome outcome;
    std::uint64_t later;
  };
  LargerRecord records[3] = {};
  LargerOutcome outcomes[3] = {};
  moult_batch batch{};
  batch.record_stride = sizeof(LargerRecord);
  batch.records = &records[0].record;
  batch.record_count = 3;
  batch.outcome_stride = sizeof(LargerOutcome);
  batch.outcomes = &outcomes[0].outcome;
  EXPECT_EQ(moult_record_at(&batch, 2), &records[2].record);
  moult_all_ok(&batch);
  for (const LargerOutcome& larger : outcomes) {
    EXPECT_EQ(larger.outcome.code, MOULT_OK);
    EXPECT_EQ(larger.later, 0U);
  }
}

}  // namespace
}  // namespace moult::abi
