#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace moult::config {

/// Insertions, deletions, substitutions and swaps of neighbours that make `from` into `to`.
std::size_t edit_distance(std::string_view from, std::string_view to);

/// The candidate that someone who wrote `word` most likely meant, whatever its case; nothing when
/// none is near.
std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> candidates);

/// What to add to "unknown …": "; did you mean 'batch'?" or "; valid: a, b, c".
std::string suggestion(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace moult::config
