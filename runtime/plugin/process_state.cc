#include "runtime/plugin/process_state.h"

#include <fmt/format.h>
#include <string.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>

namespace moult {
namespace {

namespace fs = std::filesystem;

std::vector<int> numbers_in(const char* folder) {
  std::vector<int> numbers;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().native();
    int number = 0;
    std::from_chars(name.data(), name.data() + name.size(), number);
    numbers.push_back(number);
  }
  return numbers;
}

std::set<pid_t> read_threads() {
  const std::vector<int> tasks = numbers_in("/proc/self/task");
  return {tasks.begin(), tasks.end()};
}

template <typename Condition>
void await_threads(Duration bound, const Condition& condition) {
  const TimePoint deadline = Clock::now() + bound;
  while (!condition(read_threads()) && Clock::now() < deadline) {
    std::this_thread::sleep_for(Milliseconds(1));
  }
}

std::map<int, std::string> read_descriptors() {
  std::map<int, std::string> all;
  for (const int number : numbers_in("/proc/self/fd")) {
    std::error_code closed;  // the one by which the folder was read
    const fs::path target = fs::read_symlink(fmt::format("/proc/self/fd/{}", number), closed);
    if (!closed) all.emplace(number, target.native());
  }
  return all;
}

std::array<const void*, NSIG> read_handlers() {
  std::array<const void*, NSIG> all{};
  for (int number = 1; number < NSIG; number++) {
    struct sigaction action {};
    if (::sigaction(number, nullptr, &action) != 0) continue;  // the C library's own
    all[static_cast<std::size_t>(number)] = reinterpret_cast<const void*>(action.sa_sigaction);
  }
  return all;
}

std::set<std::string> read_mapped_files() {
  std::set<std::string> files;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const std::size_t path = line.find('/');
    if (path != line.npos) files.insert(line.substr(path));
  }
  return files;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += text.empty() ? word : ", " + word;
  return text;
}

std::string name_of_thread(pid_t thread) {
  std::ifstream file(fmt::format("/proc/self/task/{}/comm", thread));
  std::string name;
  std::getline(file, name);
  return name;
}

}  // namespace

std::string name_of_signal(int number) {
  const char* name = ::sigabbrev_np(number);
  return name == nullptr ? fmt::format("signal {}", number) : fmt::format("SIG{}", name);
}

ProcessState ProcessState::take() {
  return {read_threads(), read_descriptors(), read_handlers(), read_mapped_files()};
}

std::string new_threads(const ProcessState& before, const ProcessState& after) {
  std::vector<std::string> words;
  for (const pid_t thread : after.threads) {
    if (!before.threads.contains(thread)) words.push_back("'" + name_of_thread(thread) + "'");
  }
  return joined(words);
}

std::string new_descriptors(const ProcessState& before, const ProcessState& after) {
  std::vector<std::string> words;
  for (const auto& [number, target] : after.descriptors) {
    const auto old = before.descriptors.find(number);
    if (old != before.descriptors.end() && old->second == target) continue;
    words.push_back(fmt::format("{} ({})", number, target));
  }
  return joined(words);
}

std::string new_handlers(const ProcessState& before, const ProcessState& after) {
  std::vector<std::string> words;
  for (std::size_t number = 1; number < before.handlers.size(); number++) {
    if (before.handlers[number] == after.handlers[number]) continue;
    words.push_back(name_of_signal(static_cast<int>(number)));
  }
  return joined(words);
}

std::string new_mappings(const ProcessState& before, const ProcessState& after) {
  std::vector<std::string> words;
  for (const std::string& file : after.mapped_files) {
    if (!before.mapped_files.contains(file)) words.push_back(file);
  }
  return joined(words);
}

void await_end_of(pid_t thread, Duration bound) {
  await_threads(bound, [&](const auto& threads) { return !threads.contains(thread); });
}

void await_thread_ends(const ProcessState& before, Duration bound) {
  await_threads(
      bound, [&](const auto& threads) { return std::ranges::includes(before.threads, threads); });
}

}  // namespace moult
