/// An error as an HTTP answer in a protocol's own shape, with the advice that official clients follow.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "thalamus/base/units.h"
#include "thalamus/net/http_server.h"
#include "thalamus/wire/format.h"

namespace thalamus::gateway {

/// The request's name under the names that the official clients read.
void add_request_id(const std::string& id, net::Headers& headers);

/// Status, body and headers of `error`: `x-should-retry` always, `retry-after(-ms)` where waiting may help (`stated` as
/// an upstream said, else a second), the request's name where `id` is not empty.
[[nodiscard]] net::Awaitable<void> answer_error(net::Responder& responder, const wire::Format& format, Error error,
                                                std::string id = {}, std::optional<Nanoseconds> stated = {});

}  // namespace thalamus::gateway
