#pragma once

#include <filesystem>
#include <span>
#include <string_view>

#include "runtime/base/result.h"

namespace moult {

/// One reason to refuse a plugin file. The id is what deploy tools and tests look for; the cure is
/// for the person who reads the message.
struct Rule {
  std::string_view id;
  std::string_view cure;
};

namespace rules {

// The file as configured.
inline constexpr Rule kMissingFile{"missing-file",
                                   "check the path and that the release is complete"};
inline constexpr Rule kUnreadable{"unreadable", "give the daemon's user read permission"};
inline constexpr Rule kNotAFile{"not-a-file", "name the plugin's .so itself"};
inline constexpr Rule kEmptyFile{"empty-file", "copy the plugin again; the transfer stopped early"};
inline constexpr Rule kTooLarge{"too-large", "plugins are at most 1 GiB; strip debug information"};
inline constexpr Rule kOwner{"owner", "chown it to root, or name its owner in plugins_owner"};
inline constexpr Rule kWorldWritable{"world-writable", "chmod o-w"};
inline constexpr Rule kGroupWritable{"group-writable", "chmod g-w"};
inline constexpr Rule kParentOwner{
    "parent-owner", "chown the directory to root, or name its owner in plugins_owner"};
inline constexpr Rule kParentWritable{"parent-writable", "chmod go-w the directory"};
inline constexpr Rule kChanged{"changed-while-copied",
                               "publish with an atomic rename, then reload again"};

// The file FILE.sha256 beside it.
inline constexpr Rule kManifestMissing{"manifest-missing",
                                       "publish the output of sha256sum beside it, as FILE.sha256"};
inline constexpr Rule kManifestMalformed{"manifest-malformed",
                                         "write it with sha256sum, in the folder of the plugin"};
inline constexpr Rule kSha256Mismatch{
    "sha256-mismatch", "publish the plugin and its .sha256 of one build, the plugin last"};

// The private copy.
inline constexpr Rule kStagingDirectory{
    "staging-directory", "set staging_path to a directory of the daemon's user, mode 0700"};
inline constexpr Rule kStagingNoexec{
    "staging-noexec", "set staging_path to a file system that is not mounted noexec"};
inline constexpr Rule kStagingSpace{"staging-space", "free space in staging_path"};
inline constexpr Rule kStagingIo{"staging-io", "check the file system and its disk"};
inline constexpr Rule kTooManyFiles{"too-many-files", "raise the open files limit (LimitNOFILE=)"};

// The file's form.
inline constexpr Rule kElfMagic{"elf-magic", "name a shared object"};
inline constexpr Rule kElfTruncated{"elf-truncated", "copy the plugin again; it is incomplete"};
inline constexpr Rule kElfClass{"elf-class", "build the plugin for 64 bit"};
inline constexpr Rule kElfEndian{"elf-endian", "build the plugin for little-endian"};
inline constexpr Rule kElfMachine{"elf-machine", "build the plugin for this machine"};
inline constexpr Rule kElfType{"elf-type", "link the plugin with -shared"};
inline constexpr Rule kElfMalformed{"elf-malformed", "build or copy the plugin again"};

// What it says of itself.
inline constexpr Rule kNoteMissing{
    "note-missing", "a handler plugin has one MOULT_PLUGIN or MOULT_HANDLER at file scope"};
inline constexpr Rule kNoteMalformed{"note-malformed", "build it with moult.h as it is released"};
inline constexpr Rule kAbiMajor{"abi-major", "rebuild it with the SDK of this daemon"};
inline constexpr Rule kAbiCapability{"abi-capability",
                                     "update the daemon, or build without the capability"};

// What would keep it mapped, or not run here.
inline constexpr Rule kNodelete{"nodelete", "link without -z nodelete (Go can't be unloaded)"};
inline constexpr Rule kTextrel{"textrel", "compile with -fPIC"};
inline constexpr Rule kOpenFlags{"open-flags", "link without -z nodlopen, global or initfirst"};
inline constexpr Rule kWritableCode{"writable-code", "link without -N (--omagic)"};
inline constexpr Rule kLibraryPath{"library-path",
                                   "link libraries by name, with -rpath absolute or left out"};
inline constexpr Rule kStaticTls{"static-tls", "compile without -ftls-model=initial-exec"};
inline constexpr Rule kExecStack{"exec-stack", "link with -z noexecstack, avoid nested functions"};
inline constexpr Rule kUniqueSymbols{"unique-symbols",
                                     "build with moult_add_plugin or its version script"};
inline constexpr Rule kExtraExports{"extra-exports",
                                    "build with moult_add_plugin or its version script"};
inline constexpr Rule kEntryMissing{"entry-missing",
                                    "export moult_entry_1 with default visibility"};

// What loading and asking it showed.
inline constexpr Rule kUnresolvedSymbol{"unresolved-symbol",
                                        "link with -z defs to find it at build time"};
inline constexpr Rule kMissingLibrary{
    "missing-library",
    "install the library or link it statically; $ORIGIN does not hold for the private copy"};
inline constexpr Rule kLibraryVersion{"library-version",
                                      "build it on a system that is as old as this one"};
inline constexpr Rule kLoadFailed{"load-failed", "try LD_DEBUG=all with the same file"};
inline constexpr Rule kEntryNull{"entry-null", "see the plugin's own log lines"};
inline constexpr Rule kDescriptorMismatch{
    "descriptor-mismatch", "return the descriptor of the note, as MOULT_PLUGIN does"};
inline constexpr Rule kTableSize{"table-size", "set struct_size to sizeof(moult_plugin)"};
inline constexpr Rule kTableFunction{"table-function", "create, consume and destroy can't be NULL"};
inline constexpr Rule kStateFunctions{
    "state-functions", "give it state_export and state_import, or leave MOULT_CAP_STATE out"};

// What a throw-away process showed.
inline constexpr Rule kPreflightIo{"preflight-io", "check the limits on processes and files"};
inline constexpr Rule kCreateFailed{"create-failed", "check the handler's settings"};
inline constexpr Rule kSelfTestFailed{"self-test-failed",
                                      "give it what it says it lacks, then reload again"};
inline constexpr Rule kStateExportFailed{"state-export-failed",
                                         "make state_export answer MOULT_SUCCESS, within 64 MiB"};
inline constexpr Rule kStateImportFailed{"state-import-failed",
                                         "make state_import read what state_export writes"};
inline constexpr Rule kSampleFailed{"sample-failed", "see the plugin's own log lines"};
inline constexpr Rule kLeavesThread{"leaves-thread", "join every thread before destroy returns"};
inline constexpr Rule kLeavesDescriptor{"leaves-descriptor", "close in destroy what create opened"};
inline constexpr Rule kLeavesSignalHandler{"leaves-signal-handler",
                                           "leave signals to the daemon, or restore the handler"};
inline constexpr Rule kStaysMapped{"stays-mapped",
                                   "close what it opens with dlopen, its own file above all"};

}  // namespace rules

/// What the throw-away process does with a plugin, in this order.
enum class PreflightStep {
  kConstructor,
  kEntry,
  kCreate,
  kSelfTest,
  kAssigned,
  kSample,
  kStateExport,
  kStateImport,
  kRevoked,
  kDestroy,
  kUnload,
};
inline constexpr std::size_t kPreflightSteps = 11;

/// The step's name and what may go wrong in each of them.
struct StepRules {
  std::string_view name;
  std::string_view where;  // "it crashed in …"
  Rule crash;
  Rule hang;
  Rule exit;
};
const StepRules& rules_of(PreflightStep step);
const StepRules* step_of_name(std::string_view name);

/// The rules in the order in which they are judged; for those who show them all.
struct RulePhase {
  std::string_view name;
  std::span<const Rule> rules;
};
std::span<const RulePhase> rule_phases();

/// The rule that a message of refuse() names; empty for any other message.
std::string_view refusing_rule(std::string_view message);

/// `file: refused by rule <id>: what; cure`.
Unexpected<Error> refuse(const std::filesystem::path& file, const Rule& rule,
                         std::string_view what);

}  // namespace moult
