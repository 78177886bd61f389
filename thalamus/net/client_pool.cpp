#include "thalamus/net/client_pool.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace thalamus::net {
namespace {

constexpr std::size_t kKeptBytesMax = 64U << 10;
// A connection that does not even answer a ping is closed after so long.
constexpr auto kSilenceMax = Nanoseconds::from_ms(5'000);
// Connections of HTTP/2 are looked at so often: they do not tell when they become idle.
constexpr auto kSweepEvery = Nanoseconds::from_ms(250);

}  // namespace

std::size_t HttpClient::Pool::Hash::operator()(const Endpoint& endpoint) const noexcept {
  return std::hash<std::string_view>{}(endpoint.host) ^ (static_cast<std::size_t>(endpoint.port) << 4) ^
         (static_cast<std::size_t>(endpoint.version) << 2) ^ static_cast<std::size_t>(endpoint.tls ? 2 : 0) ^
         static_cast<std::size_t>(endpoint.unix_socket ? 1 : 0);
}

bool HttpClient::Pool::Equal::operator()(const Endpoint& a, const Endpoint& b) const noexcept {
  return a.port == b.port && a.tls == b.tls && a.unix_socket == b.unix_socket && a.version == b.version &&
         a.host == b.host && a.ca_file == b.ca_file;
}

HttpClient::Pool::~Pool() {
  // Exchanges under way keep their connection; the rest ends now.
  for (auto& [endpoint, entry] : entries_)
    for (const auto& connection : entry.shared) {
      if (connection->idle())
        connection->close();
      else
        connection->retire();
    }
}

std::unique_ptr<Http1ClientConnection> HttpClient::Pool::take(const Endpoint& endpoint) {
  const auto found = entries_.find(endpoint);
  if (found == entries_.end() || found->second.idle.empty()) return nullptr;
  auto connection = std::move(found->second.idle.back());
  found->second.idle.pop_back();
  --count_;
  return connection;
}

bool HttpClient::Pool::has_idle(const Endpoint& endpoint) const {
  const auto found = entries_.find(endpoint);
  return found != entries_.end() && !found->second.idle.empty();
}

void HttpClient::Pool::put(const Endpoint& endpoint, std::unique_ptr<Http1ClientConnection> connection) {
  if (count_ >= kIdleMax) return;
  auto& list = entries_[endpoint].idle;
  if (list.size() >= kIdlePerEndpointMax) return;
  if (connection->buffer.size() > kKeptBytesMax) {
    connection->buffer.resize(Http1ClientConnection::kBufferBytes);
    connection->buffer.shrink_to_fit();
  }
  oldest_ = count_ == 0 ? connection->idle_since : std::min(oldest_, connection->idle_since);
  list.push_back(std::move(connection));
  ++count_;
}

std::shared_ptr<Http2ClientConnection> HttpClient::Pool::share(const Endpoint& endpoint) {
  const auto found = entries_.find(endpoint);
  if (found == entries_.end()) return nullptr;
  auto& list = found->second.shared;
  shared_count_ -= std::erase_if(list, [](const auto& connection) { return connection->ended(); });
  const auto open = std::find_if(list.begin(), list.end(), [](const auto& one) { return one->can_open(); });
  return open == list.end() ? nullptr : *open;
}

void HttpClient::Pool::add(const Endpoint& endpoint, std::shared_ptr<Http2ClientConnection> connection) {
  Entry& entry = entries_[endpoint];
  entry.spoke_http2 = true;
  entry.shared.push_back(std::move(connection));
  ++shared_count_;
}

bool HttpClient::Pool::spoke_http2(const Endpoint& endpoint) const {
  const auto found = entries_.find(endpoint);
  return found != entries_.end() && found->second.spoke_http2;
}

void HttpClient::Pool::note_http1(const Endpoint& endpoint) {
  if (const auto found = entries_.find(endpoint); found != entries_.end()) found->second.spoke_http2 = false;
}

std::shared_ptr<Opening> HttpClient::Pool::opening(const Endpoint& endpoint) const {
  const auto found = entries_.find(endpoint);
  return found == entries_.end() ? nullptr : found->second.opening;
}

void HttpClient::Pool::end_opening(const Endpoint& endpoint, const std::shared_ptr<Opening>& opening) {
  if (const auto found = entries_.find(endpoint); found != entries_.end() && found->second.opening == opening)
    found->second.opening = nullptr;
  opening->done = true;
  for (asio::steady_timer* timer : opening->waiting) timer->cancel();
}

void HttpClient::Pool::sweep(Nanoseconds now) {
  const bool idle_due = count_ > 0 && now - oldest_ >= kIdleTime;
  const bool shared_due = shared_count_ > 0 && now - swept_ >= kSweepEvery;
  if (!idle_due && !shared_due) return;
  swept_ = oldest_ = now;
  for (auto at = entries_.begin(); at != entries_.end();) {
    Entry& entry = at->second;
    // Last used last, so the old ones are in front.
    const auto fresh = std::find_if(entry.idle.begin(), entry.idle.end(),
                                    [&](const auto& connection) { return now - connection->idle_since < kIdleTime; });
    count_ -= static_cast<std::size_t>(fresh - entry.idle.begin());
    entry.idle.erase(entry.idle.begin(), fresh);
    if (!entry.idle.empty()) oldest_ = std::min(oldest_, entry.idle.front()->idle_since);
    shared_count_ -= std::erase_if(entry.shared, [&](const auto& connection) {
      if (connection->ended() || !connection->idle()) return connection->ended();
      const Nanoseconds idle = now - connection->idle_since();
      if (connection->suspected() && idle >= kSilenceMax) connection->close();
      if (idle >= kIdleTime) connection->retire();
      // One that has retired ends by itself.
      return !connection->can_open() && !connection->suspected();
    });
    at = useless(entry) ? entries_.erase(at) : std::next(at);
  }
}

void HttpClient::Pool::clear() noexcept {
  count_ = 0;
  shared_count_ = 0;
  for (auto& [endpoint, entry] : entries_) {
    entry.idle.clear();
    std::erase_if(entry.shared, [](const auto& connection) {
      if (connection->idle()) connection->retire();
      return connection->idle();
    });
    shared_count_ += entry.shared.size();
  }
}

std::size_t HttpClient::Pool::count() const noexcept {
  std::size_t idle = count_;
  for (const auto& [endpoint, entry] : entries_)
    for (const auto& connection : entry.shared)
      if (connection->idle() && connection->can_open()) ++idle;
  return idle;
}

}  // namespace thalamus::net
