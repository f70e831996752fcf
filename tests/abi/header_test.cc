// The SDK's headers compile alone, without a warning, in every language version that authors use.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <ostream>
#include <string>

#include "tests/abi/fixture.h"

namespace moult::abi {
namespace {

constexpr const char* kC = R"(#include <moult/moult.h>
static moult_instance* create(const moult_host* host, moult_host_handle* handle,
                              const char* settings, uint32_t size, const moult_lane* lane,
                              moult_error* error) {
  (void)handle; (void)settings; (void)size; (void)lane;
  error->text[0] = MOULT_HAS_FIELD(host, extension) ? 'y' : 'n';
  return NULL;
}
static int32_t consume(moult_instance* self, const moult_batch* batch) {
  (void)self;
  if (batch->record_count > 0 && moult_record_at(batch, 0)->header_count > 0) {
    return moult_header_at(batch, 0)->value ? MOULT_SUCCESS : MOULT_FAILURE;
  }
  moult_all_ok(batch);
  return MOULT_SUCCESS;
}
static void destroy(moult_instance* self) { (void)self; }
static int32_t state_export(moult_instance* self, const moult_state_writer* writer,
                            moult_error* error) {
  (void)self; (void)error;
  return writer->begin(writer->sink, "header", 1);
}
static int32_t state_import(moult_instance* self, const moult_state* state, moult_error* error) {
  (void)self; (void)error;
  return state->size == 0 ? MOULT_SUCCESS : MOULT_FAILURE;
}
static const moult_plugin table = {sizeof(moult_plugin), 0, create, NULL, consume, NULL, destroy,
                                   NULL, state_export, state_import};
MOULT_PLUGIN(&table, "header", "1", MOULT_CAP_HEADERS, MOULT_CAP_STATE);
)";

constexpr const char* kCxx = R"(#include <moult/moult.hpp>
#include <moult/testing.hpp>
class Mine : public moult::Handler {
 public:
  static constexpr std::uint64_t kCapabilities = MOULT_CAP_HEADERS | MOULT_CAP_STATE;
  explicit Mine(const moult::Context& context) : context_(context) {}
  void consume(const moult::Batch& batch) override {
    for (const moult::Record& record : batch.one_by_one()) {
      for (const moult::HeaderView& header : record.headers()) {
        context_.info("header", {{"name", header.name()}, {"size", std::int64_t{1}}});
      }
    }
  }
  void self_test() override {}
  void export_state(moult::StateWriter& writer) override {
    writer.begin("mine", 1);
    writer.write("state");
  }
  void import_state(const moult::State& state) override { state.expect("mine", 1); }
 private:
  moult::Context context_;
};
MOULT_HANDLER(Mine, "mine", "1");
int main() { return moult::testing::Plugin(&moult_entry_1).name() == "mine" ? 0 : 1; }
)";

struct Compile {
  std::string compiler;
  std::string standard;

  friend void PrintTo(const Compile& compile, std::ostream* out) {
    *out << compile.compiler << " -std=" << compile.standard;
  }
};

std::string strict(const Compile& compile) {
  std::string flags =
      " -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -O2 -fPIC -std=" + compile.standard +
      " -I" MOULT_SDK "/include -I" MOULT_SDK "/testing/include ";
  const bool is_cxx = compile.standard.rfind("c++", 0) == 0;
  if (is_cxx) flags += "-Wold-style-cast -Wsign-conversion -Wnon-virtual-dtor ";
  return compile.compiler + flags;
}

class Headers : public testing::TestWithParam<Compile> {};

TEST_P(Headers, Compile) {
  TempDir dir;
  const auto compiles = [&](const std::string& name, const char* text) {
    write_file(dir / name, text);
    const std::string errors = (dir / "errors").string();
    const std::string command = strict(GetParam()) + "-c " + (dir / name).string() + " -o " +
                                (dir / "out.o").string() + " 2> " + errors;
    EXPECT_EQ(std::system(command.c_str()), 0) << command << "\n" << read_file(errors);
  };
  const bool is_cxx = GetParam().standard.rfind("c++", 0) == 0;
  compiles(is_cxx ? "plain.cc" : "plain.c", kC);
  if (is_cxx) compiles("layer.cc", kCxx);
}

INSTANTIATE_TEST_SUITE_P(All, Headers,
                         testing::Values(Compile{"gcc", "c11"}, Compile{"gcc", "c17"},
                                         Compile{"clang", "c11"}, Compile{"clang", "c17"},
                                         Compile{"g++", "c++17"}, Compile{"g++", "c++20"},
                                         Compile{"clang++", "c++17"}, Compile{"clang++", "c++20"}),
                         [](const auto& test) {
                           std::string name = test.param.compiler + "_" + test.param.standard;
                           for (char& c : name) {
                             if (c == '+') c = 'x';
                           }
                           return name;
                         });

}  // namespace
}  // namespace moult::abi
