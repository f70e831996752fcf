#include "runtime/config/interpolation.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "runtime/config/regular_file.h"
#include "runtime/config/text.h"

namespace moult::config {
namespace {

constexpr std::string_view kFilePrefix = "file:";
constexpr std::string_view kForms =
    "the forms are ${VAR}, ${VAR:-default} and ${file:/path}; write $$ for a plain $";

bool is_letter(char byte) {
  return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || byte == '_';
}

bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }

std::size_t name_size(std::string_view text) {
  if (text.empty() || !is_letter(text.front())) return 0;
  const auto* const end = std::find_if(
      text.begin(), text.end(), [](char byte) { return !is_letter(byte) && !is_digit(byte); });
  return static_cast<std::size_t>(end - text.begin());
}

/// `$$` in a default, which is text of the same scalar, means what it means outside.
std::string without_escapes(std::string_view text) {
  std::string out;
  for (std::size_t index = 0; index < text.size(); ++index) {
    out += text[index];
    if (text.substr(index, 2) == "$$") ++index;
  }
  return out;
}

Result<std::string> read_secret_file(std::string_view path) {
  if (path.empty() || path.front() != '/') {
    return failure(fmt::format("'${{{}}}' needs an absolute path", kFilePrefix));
  }
  auto contents = read_regular_file(std::string(path), Interpolator::kMaxFileBytes);
  if (!contents) {
    return failure(fmt::format("can't read {}: {}", in_quotes(path), contents.error().message));
  }
  if (contents->ends_with('\n')) contents->pop_back();
  return contents;
}

}  // namespace

Result<std::string, Interpolator::Errors> Interpolator::resolve(std::string_view text) {
  std::string out;
  Errors errors;
  while (!text.empty()) {
    const std::size_t dollar = std::min(text.find('$'), text.size());
    out += text.substr(0, dollar);
    text.remove_prefix(dollar);
    if (!text.starts_with("${")) {
      out += text.substr(0, 1);
      text.remove_prefix(std::min<std::size_t>(text.size(), text.starts_with("$$") ? 2 : 1));
      continue;
    }
    const std::size_t end = text.find('}');
    if (end == std::string_view::npos) {
      errors.push_back(fmt::format("'${{' without '}}'; {}", kForms));
      break;
    }
    auto value = expand(text.substr(2, end - 2));
    if (value) out += *value;
    if (!value) errors.push_back(value.error().message);
    text.remove_prefix(end + 1);
  }
  if (!errors.empty()) return Unexpected<Errors>{std::move(errors)};
  return out;
}

Result<std::string> Interpolator::expand(std::string_view expression) {
  if (!expression.starts_with(kFilePrefix)) return expand_variable(expression);
  const std::string_view path = expression.substr(kFilePrefix.size());
  auto contents = read_secret_file(path);
  if (!contents) return contents;
  return accept(std::move(*contents), in_quotes(path));
}

Result<std::string> Interpolator::expand_variable(std::string_view expression) {
  const std::string_view name = expression.substr(0, name_size(expression));
  const std::string_view rest = expression.substr(name.size());
  const bool has_default = rest.starts_with(":-");
  if (name.empty() || (!rest.empty() && !has_default)) {
    return failure(fmt::format("'${{' is not followed by a variable's name; {}", kForms));
  }
  if (rest.find("${") != std::string_view::npos) {
    return failure(
        fmt::format("the default of variable '{}' holds a '${{'; only one level is "
                    "possible",
                    name));
  }
  auto value = environment_ ? environment_(name) : std::nullopt;
  if (has_default && (!value || value->empty())) value = without_escapes(rest.substr(2));
  if (!value) {
    return failure(fmt::format("environment variable '{}' is not set and has no default", name));
  }
  return accept(std::move(*value), fmt::format("variable '{}'", name));
}

Result<std::string> Interpolator::accept(std::string value, std::string_view what) {
  total_bytes_ += value.size();
  if (total_bytes_ > kMaxTotalBytes) {
    return failure(
        fmt::format("variables and files together put in more than {} bytes", kMaxTotalBytes));
  }
  if (!is_utf8(value) || value.find('\0') != std::string::npos) {
    return failure(fmt::format("the contents of {} are not UTF-8 text", what));
  }
  return value;
}

}  // namespace moult::config
