#include "runtime/config/interpolation.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

namespace moult::config {
namespace {

std::optional<std::string> no_environment(std::string_view) { return std::nullopt; }

/// Text in which everything that interpolation looks for is frequent.
rc::Gen<std::string> tricky_text() {
  return rc::gen::container<std::string>(
      rc::gen::elementOf(std::string("$${}}{:-/AB_ab1 file:\"'\n")));
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char byte : text) out += byte == '$' ? std::string("$$") : std::string{byte};
  return out;
}

RC_GTEST_PROP(ConfigInterpolationProperty, EscapedTextComesBack, ()) {
  const std::string text = *tricky_text();
  Interpolator interpolator(no_environment);
  RC_ASSERT(interpolator.resolve(escaped(text)).value() == text);
}

RC_GTEST_PROP(ConfigInterpolationProperty, TextWithoutDollarsIsItself, ()) {
  std::string text = *tricky_text();
  std::erase(text, '$');
  Interpolator interpolator(no_environment);
  RC_ASSERT(interpolator.resolve(text).value() == text);
}

RC_GTEST_PROP(ConfigInterpolationProperty, ValuesGoInUntouched, ()) {
  const std::string value = *tricky_text();
  const std::string before = *tricky_text();
  const std::string after = *tricky_text();
  Interpolator interpolator([&value](std::string_view name) -> std::optional<std::string> {
    if (name == "VAR") return value;
    return std::nullopt;
  });
  const auto made = interpolator.resolve(escaped(before) + "${VAR}" + escaped(after));
  RC_ASSERT(made.value() == before + value + after);
}

RC_GTEST_PROP(ConfigInterpolationProperty, ADefaultIsTheTextOfAnUnsetVariable, ()) {
  std::string text = *tricky_text();
  std::erase(text, '}');
  std::erase(text, '{');
  Interpolator interpolator(no_environment);
  RC_ASSERT(interpolator.resolve("${VAR:-" + escaped(text) + "}").value() == text);
}

RC_GTEST_PROP(ConfigInterpolationProperty, AnyTextResolvesOrFailsWithoutItsOwnWords, ()) {
  const std::string text = *tricky_text();
  Interpolator interpolator([](std::string_view) { return std::optional<std::string>("hunter2"); });
  const auto made = interpolator.resolve(text);
  if (made) return;
  for (const std::string& error : made.error()) {
    RC_ASSERT(error.find("hunter2") == std::string::npos);
  }
}

}  // namespace
}  // namespace moult::config
