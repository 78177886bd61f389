/// Where and how a model is called: made once for each configuration, shared by all cores.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "thalamus/dispatch/slow_stream.h"
#include "thalamus/dispatch/target_call.h"
#include "thalamus/net/http.h"
#include "thalamus/net/stream.h"
#include "thalamus/wire/format.h"

namespace thalamus::gateway {

struct UpstreamTarget {
  std::string name;                     ///< the target's, for messages
  std::string model_id;                 ///< the provider's own
  std::vector<net::Endpoint> replicas;  ///< at least one
  std::vector<net::Headers> headers;    ///< by key: content type, credential, the provider's extra headers
  std::vector<std::string> secrets;     ///< what must not come back in a provider's words
  std::string path;                     ///< "/chat/completions", after a replica's base path
  const wire::Format* format = nullptr;
  std::string extra_body;        ///< JSON members added to each request
  bool takes_reasoning = false;  ///< the model states the ability
  dispatch::SlowStreamOptions slow_stream;
  std::shared_ptr<dispatch::TargetControls> controls;  ///< keys, replicas, retries, hedges; outlives a reload
};

}  // namespace thalamus::gateway
