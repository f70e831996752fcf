#include "tests/abi/fixture.h"

#include <stdlib.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace moult::abi {
namespace {

std::string shown(const Field& field) {
  std::ostringstream out;
  std::visit([&](const auto& value) { out << value; }, field.value);
  return out.str();
}

}  // namespace

TempDir::TempDir() {
  std::string pattern = (std::filesystem::temp_directory_path() / "moult-abi-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void RecordingSink::write(Component component, Severity severity, std::string_view message,
                          std::span<const Field> fields) noexcept {
  LogLine line{component, severity, std::string(message), {}, fields.size()};
  for (const Field& field : fields) line.fields[std::string(field.key)] = shown(field);
  const std::lock_guard lock(mutex_);
  lines_.push_back(std::move(line));
}

std::vector<LogLine> RecordingSink::lines() const {
  const std::lock_guard lock(mutex_);
  return lines_;
}

std::optional<LogLine> RecordingSink::find(const std::string& message) const {
  std::optional<LogLine> found;
  for (const LogLine& line : lines()) {
    if (line.message == message) found = line;
  }
  return found;
}

std::filesystem::path plugin_path(const std::string& name) {
  return std::filesystem::path(MOULT_TEST_PLUGINS) / (name + ".so");
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("can't read " + path.string());
  std::string bytes(std::filesystem::file_size(path), '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

void write_file(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  if (!(out << bytes) || !out.flush()) throw std::runtime_error("can't write " + path.string());
}

Result<std::shared_ptr<Generation>> Loader::load(const std::filesystem::path& plugin,
                                                 const std::string& settings,
                                                 std::uint32_t number) {
  return load_generation({"orders", plugin, settings, number, unloads}, staging(), log);
}

std::string Loader::refusal(const std::filesystem::path& plugin) {
  const auto loaded = load(plugin);
  return loaded ? "" : loaded.error().message;
}

std::size_t Loader::staged() const {
  std::error_code missing;
  const std::filesystem::directory_iterator entries(staging(), missing);
  return missing ? 0 : static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

RawBatch::RawBatch(const std::vector<std::string>& values) : values_(values) {
  records_.resize(values_.size());
  outcomes_.resize(values_.size());
  for (std::size_t i = 0; i < values_.size(); i++) {
    outcomes_[i].struct_size = sizeof(moult_outcome);
    records_[i].struct_size = sizeof(moult_record);
    records_[i].offset = static_cast<std::int64_t>(i);
    records_[i].attempt = 1;
    records_[i].value = reinterpret_cast<const std::uint8_t*>(values_[i].data());
    records_[i].value_size = static_cast<std::uint32_t>(values_[i].size());
  }
  batch_.struct_size = sizeof batch_;
  batch_.record_stride = sizeof(moult_record);
  batch_.records = records_.data();
  batch_.record_count = static_cast<std::uint32_t>(records_.size());
  batch_.outcome_stride = sizeof(moult_outcome);
  batch_.outcomes = outcomes_.data();
  batch_.topic = "orders.created";
  batch_.topic_size = 14;
  batch_.header_stride = sizeof(moult_header);
}

}  // namespace moult::abi
