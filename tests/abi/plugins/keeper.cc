// Hands over and takes over what its settings name, and breaks the rules of it on demand.
#include <moult/moult.h>

#include <stdexcept>
#include <string>

struct moult_instance {
  const moult_host* host;
  moult_host_handle* handle;
  std::string settings;
  std::uint64_t records;
};

namespace {

bool is_told(const moult_instance& self, const char* what) { return self.settings == what; }

std::int32_t say(moult_error* error, const std::string& why) {
  error->text[why.copy(error->text, error->capacity - 1)] = '\0';
  return MOULT_FAILURE;
}

moult_instance* create(const moult_host* host, moult_host_handle* handle, const char* settings,
                       std::uint32_t settings_size, const moult_lane*, moult_error*) {
  return new moult_instance{host, handle, std::string(settings, settings_size), 0};
}

std::int32_t consume(moult_instance* self, const moult_batch* batch) {
  self->records += batch->record_count;
  moult_all_ok(batch);
  const std::string records = std::to_string(self->records);
  const moult_log_field field = {sizeof field, 0, "records", records.c_str()};
  self->host->log(self->handle, MOULT_LOG_INFO, "kept", &field, 1, sizeof field);
  return MOULT_SUCCESS;
}

void destroy(moult_instance* self) { delete self; }

std::int32_t self_test(moult_instance* self, moult_error* error) {
  if (is_told(*self, "self-test throws")) throw std::runtime_error("self_test threw this");
  if (is_told(*self, "self-test fails")) return say(error, "no database");
  if (is_told(*self, "self-test is mute")) return MOULT_FAILURE;
  return MOULT_SUCCESS;
}

/// In pieces, whatever is answered.
void write(const moult_state_writer& writer, std::uint64_t size) {
  constexpr std::uint64_t kPiece = std::uint64_t{1} << 20;
  const std::string piece(kPiece, 'x');
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(piece.data());
  for (; size > kPiece; size -= kPiece) writer.write(writer.sink, bytes, kPiece);
  writer.write(writer.sink, bytes, size);
}

std::int32_t state_export(moult_instance* self, const moult_state_writer* writer,
                          moult_error* error) {
  if (is_told(*self, "export throws")) throw std::runtime_error("state_export threw this");
  if (is_told(*self, "export fails")) return say(error, "not now");
  if (is_told(*self, "export begins nothing")) return MOULT_SUCCESS;
  if (is_told(*self, "export writes first")) write(*writer, 1);
  if (is_told(*self, "export has no name"))
    return writer->begin(writer->sink, "", 1), MOULT_SUCCESS;
  if (is_told(*self, "export has a long name")) {
    writer->begin(writer->sink, std::string(MOULT_NAME_SIZE, 'n').c_str(), 1);
    return MOULT_SUCCESS;
  }
  const std::uint32_t version = is_told(*self, "newer") ? 2 : 1;
  const char* schema = is_told(*self, "other") ? "someone.else" : "keeper.records";
  writer->begin(writer->sink, schema, version);
  if (is_told(*self, "export begins twice")) writer->begin(writer->sink, schema, version);
  if (is_told(*self, "export is full")) write(*writer, MOULT_STATE_MAX);
  if (is_told(*self, "export is too large")) write(*writer, MOULT_STATE_MAX + 1);
  if (is_told(*self, "export is huge")) {
    static const std::uint8_t one = 1;
    writer->write(writer->sink, &one, 1);
    writer->write(writer->sink, &one, UINT64_MAX);  // must be judged without being added up
  }
  if (is_told(*self, "export writes from nowhere")) writer->write(writer->sink, nullptr, 1);
  if (self->settings.empty()) {
    const std::string records = std::to_string(self->records);
    for (const char& digit : records) {
      writer->write(writer->sink, reinterpret_cast<const std::uint8_t*>(&digit), 1);
    }
    writer->write(writer->sink, nullptr, 0);
  }
  return MOULT_SUCCESS;
}

std::int32_t state_import(moult_instance* self, const moult_state* state, moult_error* error) {
  if (is_told(*self, "import throws")) throw std::runtime_error("state_import threw this");
  const std::string schema(state->schema, state->schema_size);
  if (state->schema[state->schema_size] != '\0') return say(error, "its schema has no end");
  if (schema != "keeper.records") return say(error, "unknown schema " + schema);
  if (state->version > 1) return say(error, "version " + std::to_string(state->version));
  self->records = std::stoull(std::string(reinterpret_cast<const char*>(state->bytes),
                                          static_cast<std::size_t>(state->size)));
  return MOULT_SUCCESS;
}

const moult_plugin table = {
    sizeof(moult_plugin), 0,           create, nullptr, consume, nullptr, destroy, self_test,
    state_export,         state_import};

}  // namespace

MOULT_PLUGIN(&table, "keeper", "1.0.0", 0, MOULT_CAP_STATE);
