#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace moult {

/// Insertions, deletions, substitutions and swaps of neighbours that make `from` into `to`.
std::size_t edit_distance(std::string_view from, std::string_view to);

/// The candidate that someone who wrote `word` most likely meant, whatever its case; nothing when
/// none is near.
std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> candidates);

/// What to add to "unknown …": "; did you mean 'batch'?", or nothing when no candidate is near.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

/// The same where the candidates are few enough to list: "; valid: a, b, c" when none is near.
std::string suggestion(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace moult
