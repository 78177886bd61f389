/// The members of a request's body that no field of core::Request holds: what each is in the other protocols, or why it
/// is lost there. Internal to this folder.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "thalamus/core/request.h"

namespace thalamus::wire {

enum class Protocol : std::uint8_t { kChat, kResponses, kMessages };

/// By the name of its format; nothing for one that translates nothing.
[[nodiscard]] std::optional<Protocol> protocol_of(std::string_view format_name) noexcept;

/// What becomes of one member.
struct Fate {
  std::string path = {};         ///< where it goes on; empty: nowhere
  std::string value = {};        ///< its JSON there
  std::string_view reason = {};  ///< why it is lost; empty where nothing is
};

/// `path` ("reasoning.summary", "messages[2].name") and `value` as the client spelt them.
[[nodiscard]] Fate fate_of(std::string_view path, std::string_view value, Protocol from, Protocol to,
                           const core::Request& request);

}  // namespace thalamus::wire
