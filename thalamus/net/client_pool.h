/// The client's connections to each endpoint: idle ones of HTTP/1.1, shared ones of HTTP/2. Private to the sources of
/// `net`.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "thalamus/net/http1_exchange.h"
#include "thalamus/net/http2_client.h"

namespace thalamus::net {

/// A connection being opened for HTTP/2, for which others wait instead of opening their own.
struct Opening {
  /// Being told of its end, for as long as this lives.
  class Waiting {
   public:
    Waiting(std::shared_ptr<Opening> opening, asio::steady_timer& timer) : opening_(std::move(opening)), timer_(timer) {
      opening_->waiting.push_back(&timer_);
    }
    ~Waiting() { std::erase(opening_->waiting, &timer_); }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

   private:
    std::shared_ptr<Opening> opening_;
    asio::steady_timer& timer_;
  };

  std::vector<asio::steady_timer*> waiting;
  bool done = false;
  std::optional<Error> error;
};

/// Outlives the client as long as an exchange holds it weakly; then connections are simply closed.
class HttpClient::Pool {
 public:
  /// Others wait for what is opened while this lives. Without a pool it does nothing.
  class OpeningGuard {
   public:
    OpeningGuard(std::shared_ptr<Pool> pool, const Endpoint& endpoint)
        : pool_(std::move(pool)), endpoint_(endpoint), opening_(std::make_shared<Opening>()) {
      if (pool_ != nullptr) pool_->entries_[endpoint_].opening = opening_;
    }
    ~OpeningGuard() {
      if (pool_ != nullptr) pool_->end_opening(endpoint_, opening_);
    }
    OpeningGuard(const OpeningGuard&) = delete;
    OpeningGuard& operator=(const OpeningGuard&) = delete;
    void fail(Error error) const { opening_->error = std::move(error); }

   private:
    std::shared_ptr<Pool> pool_;
    Endpoint endpoint_;
    std::shared_ptr<Opening> opening_;
  };

  Pool() = default;
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// The idle connection used last, or null.
  [[nodiscard]] std::unique_ptr<Http1ClientConnection> take(const Endpoint& endpoint);
  [[nodiscard]] bool has_idle(const Endpoint& endpoint) const;
  void put(const Endpoint& endpoint, std::unique_ptr<Http1ClientConnection> connection);

  /// A connection of HTTP/2 that takes another request, or null.
  [[nodiscard]] std::shared_ptr<Http2ClientConnection> share(const Endpoint& endpoint);
  void add(const Endpoint& endpoint, std::shared_ptr<Http2ClientConnection> connection);
  /// What the last connection to this endpoint spoke.
  [[nodiscard]] bool spoke_http2(const Endpoint& endpoint) const;
  void note_http1(const Endpoint& endpoint);
  /// The opening under way, or null.
  [[nodiscard]] std::shared_ptr<Opening> opening(const Endpoint& endpoint) const;

  void sweep(Nanoseconds now);
  void clear() noexcept;
  [[nodiscard]] std::size_t count() const noexcept;

 private:
  struct Hash {
    std::size_t operator()(const Endpoint& endpoint) const noexcept;
  };
  /// The base path does not matter to a connection.
  struct Equal {
    bool operator()(const Endpoint& a, const Endpoint& b) const noexcept;
  };
  struct Entry {
    std::vector<std::unique_ptr<Http1ClientConnection>> idle;
    std::vector<std::shared_ptr<Http2ClientConnection>> shared;
    std::shared_ptr<Opening> opening;
    bool spoke_http2 = false;
  };
  [[nodiscard]] static bool useless(const Entry& entry) noexcept {
    return entry.idle.empty() && entry.shared.empty() && entry.opening == nullptr && !entry.spoke_http2;
  }

  void end_opening(const Endpoint& endpoint, const std::shared_ptr<Opening>& opening);

  std::unordered_map<Endpoint, Entry, Hash, Equal> entries_;
  std::size_t count_ = 0;         ///< idle connections of HTTP/1.1
  std::size_t shared_count_ = 0;  ///< connections of HTTP/2
  Nanoseconds oldest_{};          ///< no idle connection is older
  Nanoseconds swept_{};
};

}  // namespace thalamus::net
