/// How the keys and replicas of every model are doing, for `/metrics` and `/admin/status`. Replicas and keys are told
/// by their position in the configuration: an address may come from a secret.
#pragma once

#include <string>

#include "thalamus/base/json_writer.h"
#include "thalamus/gateway/runtime.h"

namespace thalamus::gateway {

/// Text exposition format 0.0.4, complete families.
[[nodiscard]] std::string endpoint_metrics(const Runtime& runtime, Nanoseconds now);
/// The member "endpoints": an object of models with their replicas and keys.
void write_endpoints(base::JsonWriter& out, const Runtime& runtime, Nanoseconds now);

}  // namespace thalamus::gateway
