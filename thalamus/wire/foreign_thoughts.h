/// Thoughts of one provider that come back to another one in its own protocol. A client that was answered by several
/// sends each what all have said; where its bytes are forwarded, what only the gateway or another provider understands
/// would be refused with the whole request.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "thalamus/core/request.h"
#include "thalamus/wire/format.h"

namespace thalamus::wire {

[[nodiscard]] bool holds_thoughts(const core::Request& request) noexcept;

/// `body`, a request of the protocol `format`, without the thoughts that no provider of this protocol has given:
/// unsigned ones, and those with a proof of another protocol's provider. `losses` gets the place of each. Thinking is
/// switched off where the protocol forbids it without them. Nothing where all can go on as they are; other bytes stay.
[[nodiscard]] std::optional<std::string> without_foreign_thoughts(std::string_view format, std::string_view body,
                                                                  Losses& losses);

}  // namespace thalamus::wire
