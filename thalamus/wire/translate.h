/// A client's request in another protocol's words: the one way from a body of one protocol to a body of another.
#pragma once

#include <string>
#include <string_view>

#include "thalamus/core/request.h"
#include "thalamus/wire/format.h"

namespace thalamus::wire {

/// `request`, which `from` decoded from `body`, as `to` says it to the upstream's `model`. Members that the request has
/// no field for are carried where the other protocol has a counterpart. `losses` gets the rest, after what it holds
/// already, and every path in it is one that the body has.
[[nodiscard]] std::string translate(const Format& from, std::string_view body, const core::Request& request,
                                    const Format& to, std::string_view model, Losses& losses);

}  // namespace thalamus::wire
