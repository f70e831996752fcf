#include "runtime/plugin/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sdk/include/moult/moult.h"

namespace moult {
namespace {

constexpr std::string_view kMark = ": refused by rule ";

constexpr std::string_view kCrashCure = "moult plugins verify does it again, under a debugger too";
constexpr std::string_view kHangCure = "don't wait there for what may not come";
constexpr std::string_view kExitCure = "a plugin reports failures, it doesn't end the process";

constexpr std::array<StepRules, kPreflightSteps> kSteps = {{
    {"constructor",
     "its constructors",
     {"constructor-crash", kCrashCure},
     {"constructor-hang", kHangCure},
     {"constructor-exit", kExitCure}},
    {"entry",
     MOULT_ENTRY_NAME,
     {"entry-crash", kCrashCure},
     {"entry-hang", kHangCure},
     {"entry-exit", kExitCure}},
    {"create",
     "create",
     {"create-crash", kCrashCure},
     {"create-hang", kHangCure},
     {"create-exit", kExitCure}},
    {"self-test",
     "self_test",
     {"self-test-crash", kCrashCure},
     {"self-test-hang", kHangCure},
     {"self-test-exit", kExitCure}},
    {"assigned",
     "assigned",
     {"assigned-crash", kCrashCure},
     {"assigned-hang", kHangCure},
     {"assigned-exit", kExitCure}},
    {"sample",
     "consume, with the sample",
     {"sample-crash", kCrashCure},
     {"sample-hang", kHangCure},
     {"sample-exit", kExitCure}},
    {"state-export",
     "state_export",
     {"state-export-crash", kCrashCure},
     {"state-export-hang", kHangCure},
     {"state-export-exit", kExitCure}},
    {"state-import",
     "state_import",
     {"state-import-crash", kCrashCure},
     {"state-import-hang", kHangCure},
     {"state-import-exit", kExitCure}},
    {"revoked",
     "revoked",
     {"revoked-crash", kCrashCure},
     {"revoked-hang", kHangCure},
     {"revoked-exit", kExitCure}},
    {"destroy",
     "destroy",
     {"destroy-crash", kCrashCure},
     {"destroy-hang", kHangCure},
     {"destroy-exit", kExitCure}},
    {"unload",
     "its destructors",
     {"unload-crash", kCrashCure},
     {"unload-hang", kHangCure},
     {"unload-exit", kExitCure}},
}};

using namespace rules;

constexpr std::array kStageRules = {
    kMissingFile,     kUnreadable,    kNotAFile,          kParentOwner,    kParentWritable,
    kOwner,           kWorldWritable, kGroupWritable,     kEmptyFile,      kTooLarge,
    kManifestMissing, kTooManyFiles,  kStagingDirectory,  kStagingNoexec,  kStagingSpace,
    kStagingIo,       kChanged,       kManifestMalformed, kSha256Mismatch,
};

constexpr std::array kVerifyRules = {
    kElfMagic,      kElfTruncated,  kElfClass,     kElfEndian,      kElfMachine,  kElfType,
    kElfMalformed,  kNoteMalformed, kAbiMajor,     kAbiCapability,  kNoteMissing, kWritableCode,
    kTextrel,       kStaticTls,     kNodelete,     kOpenFlags,      kLibraryPath, kExecStack,
    kUniqueSymbols, kEntryMissing,  kExtraExports, kLibraryVersion,
};

constexpr std::array kLoadRules = {
    kPreflightIo,        kUnresolvedSymbol, kMissingLibrary, kLoadFailed,     kEntryNull,
    kDescriptorMismatch, kTableSize,        kTableFunction,  kStateFunctions,
};

constexpr std::array kResultRules = {
    kCreateFailed, kSelfTestFailed, kSampleFailed,     kStateExportFailed,   kStateImportFailed,
    kLeavesThread, kStaysMapped,    kLeavesDescriptor, kLeavesSignalHandler,
};

constexpr std::size_t kPreflightRules = kLoadRules.size() + kSteps.size() * 3 + kResultRules.size();

/// Loading, then what may happen in each step, then what is left at the end.
constexpr std::array<Rule, kPreflightRules> all_preflight_rules() {
  std::array<Rule, kPreflightRules> all{};
  auto next = std::copy(kLoadRules.begin(), kLoadRules.end(), all.begin());
  for (const StepRules& step : kSteps) {
    *next++ = step.crash;
    *next++ = step.hang;
    *next++ = step.exit;
  }
  std::copy(kResultRules.begin(), kResultRules.end(), next);
  return all;
}

constexpr auto kAllPreflightRules = all_preflight_rules();

constexpr std::array<RulePhase, 3> kPhases = {{
    {"stage", kStageRules},
    {"verify", kVerifyRules},
    {"preflight", kAllPreflightRules},
}};

}  // namespace

Unexpected<Error> refuse(const std::filesystem::path& file, const Rule& rule,
                         std::string_view what) {
  return failure(fmt::format("{}{}{}: {}; {}", file.string(), kMark, rule.id, what, rule.cure));
}

std::string_view refusing_rule(std::string_view message) {
  const std::size_t mark = message.find(kMark);
  if (mark == message.npos) return {};
  const std::string_view rest = message.substr(mark + kMark.size());
  return rest.substr(0, rest.find(':'));
}

const StepRules& rules_of(PreflightStep step) { return kSteps[static_cast<std::size_t>(step)]; }

const StepRules* step_of_name(std::string_view name) {
  const auto* found =
      std::find_if(kSteps.begin(), kSteps.end(), [&](const auto& it) { return it.name == name; });
  return found == kSteps.end() ? nullptr : found;
}

std::span<const RulePhase> rule_phases() { return kPhases; }

}  // namespace moult
