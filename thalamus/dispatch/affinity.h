/// The number that keeps requests of one session, or with one prompt prefix, at one endpoint (see endpoints.h), where
/// the provider's or the server's prompt cache holds what they begin with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace thalamus::dispatch {

/// Bytes of a prefix that are looked at: two conversations that agree so far share a home.
inline constexpr std::size_t kPrefixBytesMax = 8'192;

/// Of the session if there is one; else of the prefix: what every turn of a conversation begins with and no turn
/// changes (tools, system text, the first user message), piece by piece. Nothing where both are empty. `salt` keeps
/// routes or tenants apart.
[[nodiscard]] std::optional<std::uint64_t> affinity_of(std::string_view session,
                                                       std::span<const std::string_view> prefix,
                                                       std::uint64_t salt = 0) noexcept;

}  // namespace thalamus::dispatch
