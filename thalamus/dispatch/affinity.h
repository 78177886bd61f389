/// The number that keeps requests of one session, or with one prompt prefix, at one endpoint (see endpoints.h), where
/// the provider's or the server's prompt cache holds what they begin with.
///
/// A warm cache is worth giving up the choice by load only where there is something to keep warm: providers cache from
/// 1024 tokens on (OpenAI "Prompt caching", Anthropic "Prompt caching"). A session says itself that it wants one home;
/// a prompt without a session gets one only where it is long enough, see `affinity_prefix_bytes` in endpoints.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace thalamus::dispatch {

/// Bytes of a prefix that are hashed where prompts of any length have a home: two conversations that agree so far share
/// it.
inline constexpr std::size_t kPrefixBytesMax = 8'192;

/// What is known of a prompt.
struct PromptPrefix {
  /// What every turn of a conversation begins with and no turn changes (system text, the first user message).
  std::span<const std::string_view> pieces;
  /// Of the whole prompt, tools and later turns included: what the cache holds for the next turn. It only grows, so
  /// that a conversation that has a home keeps it.
  std::size_t prompt_bytes = 0;
};

/// Of the session if there is one; else of the first `prompt_bytes_min` bytes of the prefix, piece by piece, where the
/// prompt has as many and more: prompts that share a long system text share its home, whatever they ask. Nothing where
/// the prompt is shorter, or session and prefix are empty. `salt` keeps routes or tenants apart.
[[nodiscard]] std::optional<std::uint64_t> affinity_of(std::string_view session, const PromptPrefix& prefix,
                                                       std::size_t prompt_bytes_min, std::uint64_t salt = 0) noexcept;

}  // namespace thalamus::dispatch
