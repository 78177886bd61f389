/// The memory of POST /v1/responses, where the configuration has one (`response_store`): a bounded number of finished
/// responses, each with its whole conversation, so that a request may name the one it goes on from.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "thalamus/base/clock.h"
#include "thalamus/base/metrics.h"
#include "thalamus/base/result.h"
#include "thalamus/gateway/config.h"
#include "thalamus/net/http_server.h"
#include "thalamus/wire/format.h"
#include "thalamus/wire/openai_responses_history.h"
#include "thalamus/wire/sse.h"

namespace thalamus::gateway {

struct CoreState;
class Runtime;

/// In memory only; the oldest leave first. Any thread. An owner (the name of a virtual key, or nothing) sees its own.
class ResponseStore {
 public:
  struct Entry {
    std::string conversation;  ///< the items of the request and of the response, separated by commas
    std::string response;      ///< the response object
  };

  ResponseStore(const ResponseStoreOptions& limits, const base::Clock& clock, base::Metrics& metrics);

  /// An entry larger than the whole store is not kept.
  void keep(std::string_view owner, std::string_view id, Entry entry);
  [[nodiscard]] std::optional<Entry> find(std::string_view owner, std::string_view id);
  /// False where there is none.
  bool forget(std::string_view owner, std::string_view id);
  [[nodiscard]] const ResponseStoreOptions& limits() const noexcept { return limits_; }
  /// "no response 'x' is stored here: ..." with the reasons that there can be.
  [[nodiscard]] std::string unknown(std::string_view id) const;

 private:
  struct Node {
    std::string key;
    Entry entry;
    Nanoseconds kept;
    std::size_t bytes = 0;
  };
  using Nodes = std::list<Node>;

  void drop(Nodes::iterator node);
  void drop_expired();
  void report();

  const ResponseStoreOptions limits_;
  const base::Clock& clock_;
  base::Gauge& entries_;
  base::Gauge& bytes_held_;
  std::mutex mutex_;
  Nodes nodes_;  // oldest first
  std::unordered_map<std::string, Nodes::iterator> by_key_;
  std::size_t bytes_ = 0;
};

/// One turn's part in the store: nothing at all where there is none or the protocol is another one.
class StoredTurn {
 public:
  /// `http` and `client` outlive it.
  StoredTurn(CoreState& core, const Runtime& runtime, const wire::Format& format, net::HttpRequest& http,
             net::Responder& client);
  ~StoredTurn();
  StoredTurn(const StoredTurn&) = delete;
  StoredTurn& operator=(const StoredTurn&) = delete;

  /// Puts the conversation that the request names before its own input, in its body. kInvalidInput where it is unknown.
  [[nodiscard]] Status recall();
  /// What the turn answers through.
  [[nodiscard]] net::Responder& responder() noexcept;
  /// The error at a place of the request's own, where it is one of the whole conversation.
  [[nodiscard]] Error own_place(Error error) const;
  /// The store keeps the answer, as the request wants it.
  [[nodiscard]] bool keeps() const noexcept { return store_ != nullptr && wanted_; }
  /// Once the answer has left, before the body is given away: keeps it if the request did not forbid it.
  void keep();

 private:
  class Tap;
  ResponseStore* store_ = nullptr;
  net::HttpRequest& http_;
  net::Responder& client_;
  std::string owner_;
  bool wanted_ = false;
  std::optional<wire::Continuation> chain_;  // of a request that goes on from a stored response
  std::unique_ptr<Tap> tap_;
};

/// GET and DELETE /v1/responses/{id}.
[[nodiscard]] net::Awaitable<void> run_stored_response(CoreState& core, const net::HttpRequest& request,
                                                       net::Responder& responder);

}  // namespace thalamus::gateway
