#include "thalamus/gateway/response_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "thalamus/base/json_writer.h"
#include "thalamus/gateway/core_state.h"
#include "thalamus/gateway/decision.h"
#include "thalamus/gateway/error_answer.h"
#include "thalamus/gateway/runtime.h"
#include "thalamus/net/asio.h"
#include "thalamus/wire/openai_responses_history.h"

namespace thalamus::gateway {
namespace {

// Names of keys are checked by the configuration: none holds a line break.
std::string key_of(std::string_view owner, std::string_view id) { return fmt::format("{}\n{}", owner, id); }

/// The events that hold a response object.
bool is_lifecycle(std::string_view event) noexcept {
  static constexpr std::array<std::string_view, 6> kNames{"response.created",     "response.queued",
                                                          "response.in_progress", "response.completed",
                                                          "response.incomplete",  "response.failed"};
  return std::find(kNames.begin(), kNames.end(), event) != kNames.end();
}

}  // namespace

ResponseStore::ResponseStore(const ResponseStoreOptions& limits, const base::Clock& clock, base::Metrics& metrics)
    : limits_(limits),
      clock_(clock),
      entries_(metrics.gauge("thalamus_stored_responses", "Responses in the store of POST /v1/responses.")),
      bytes_held_(metrics.gauge("thalamus_stored_response_bytes", "Bytes of the responses in the store.")) {}

void ResponseStore::keep(std::string_view owner, std::string_view id, Entry entry) {
  Node node{.key = key_of(owner, id), .entry = std::move(entry), .kept = clock_.now(), .bytes = 0};
  node.bytes = sizeof(Node) + 2 * node.key.size() + node.entry.conversation.size() + node.entry.response.size();
  if (node.bytes > limits_.bytes_max) return;
  const std::lock_guard lock(mutex_);
  if (const auto old = by_key_.find(node.key); old != by_key_.end()) drop(old->second);
  while (!nodes_.empty() && (nodes_.size() >= limits_.entries_max || bytes_ + node.bytes > limits_.bytes_max))
    drop(nodes_.begin());
  bytes_ += node.bytes;
  nodes_.push_back(std::move(node));
  by_key_.emplace(nodes_.back().key, std::prev(nodes_.end()));
  drop_expired();
  report();
}

std::optional<ResponseStore::Entry> ResponseStore::find(std::string_view owner, std::string_view id) {
  const std::lock_guard lock(mutex_);
  drop_expired();
  report();
  const auto found = by_key_.find(key_of(owner, id));
  if (found == by_key_.end()) return std::nullopt;
  return found->second->entry;
}

bool ResponseStore::forget(std::string_view owner, std::string_view id) {
  const std::lock_guard lock(mutex_);
  drop_expired();
  const auto found = by_key_.find(key_of(owner, id));
  const bool known = found != by_key_.end();
  if (known) drop(found->second);
  report();
  return known;
}

std::string ResponseStore::unknown(std::string_view id) const {
  return fmt::format(
      "no response '{}' is stored here: it was not to be stored, is older than {} s, made room for newer ones, or "
      "belongs to another key",
      id.substr(0, 80), limits_.lifetime.value / 1'000'000'000);
}

void ResponseStore::drop(Nodes::iterator node) {
  bytes_ -= node->bytes;
  by_key_.erase(node->key);
  nodes_.erase(node);
}

void ResponseStore::drop_expired() {
  const Nanoseconds now = clock_.now();
  while (!nodes_.empty() && now - nodes_.front().kept >= limits_.lifetime) drop(nodes_.begin());
}

void ResponseStore::report() {
  entries_.set(static_cast<double>(nodes_.size()));
  bytes_held_.set(static_cast<double>(bytes_));
}

/// Passes an answer on and remembers the response object in it.
class StoredTurn::Tap final : public net::Responder {
 public:
  explicit Tap(net::Responder& client) : client_(client) {}

  /// The answer to come is stored, or goes on from a stored one, and says so.
  void tell(wire::Continuation facts) {
    listens_ = facts.stored;
    facts_ = std::move(facts);
  }

  [[nodiscard]] net::Awaitable<Status> send(int status, const net::Headers& headers, std::string_view body) override {
    if (status == 200 && facts_) {
      outgoing_ = wire::continued(body, *facts_);
      body = outgoing_;
    }
    if (listens_ && status == 200) response_ = body;
    return client_.send(status, *with_own_places(&headers), body);
  }
  [[nodiscard]] net::Awaitable<Status> start(int status, const net::Headers& headers, std::string_view first) override {
    return client_.start(status, *with_own_places(&headers), pass(first));
  }
  [[nodiscard]] net::Awaitable<Status> write(std::string_view bytes) override {
    bytes = pass(bytes);
    return bytes.empty() ? nothing() : client_.write(bytes);
  }
  [[nodiscard]] net::Awaitable<Status> finish() override {
    if (!facts_ || reader_.rest().empty()) return client_.finish();
    return finish_with_rest();
  }
  [[nodiscard]] bool started() const noexcept override { return client_.started(); }
  [[nodiscard]] net::Cancellation& client_gone() noexcept override { return client_.client_gone(); }

  [[nodiscard]] std::string take_response() noexcept { return std::move(response_); }

 private:
  static net::Awaitable<Status> nothing() { co_return Status{}; }

  // An event that the end of the stream cut off leaves as it came.
  net::Awaitable<Status> finish_with_rest() {
    Status written = co_await client_.write(reader_.rest());
    if (!written) co_return written;
    co_return co_await client_.finish();
  }

  const net::Headers* with_own_places(const net::Headers* headers) {
    const auto losses = headers->get("x-thalamus-loss");
    if (!facts_ || facts_->previous.empty() || !losses) return headers;
    headers_ = *headers;
    headers_.set("x-thalamus-loss", wire::own_places(*losses, *facts_));
    return &headers_;
  }

  // What goes to the client of these bytes. The frames that leave are well formed; should one not be, nothing is stored
  // and the rest passes as it is.
  std::string_view pass(std::string_view bytes) {
    if (!facts_ || broken_) return bytes;
    outgoing_.clear();
    broken_ = !reader_.feed(bytes);
    while (reader_.next(event_)) read_event();
    if (broken_) outgoing_.append(reader_.rest());
    return outgoing_;
  }

  void read_event() {
    const bool lifecycle = event_.event.empty() || is_lifecycle(event_.event);
    std::string edited;
    if (event_.event == "response.failed") facts_->stored = false;
    if (lifecycle) edited = wire::continued_event(event_.data, *facts_);
    if (!edited.empty() && edited != event_.data) {
      event_.data = std::move(edited);
      wire::append_sse_event(outgoing_, event_.event, event_.data);
    } else {
      outgoing_.append(event_.raw);
    }
    if (listens_ && lifecycle && response_.empty()) response_ = wire::final_response(event_.data);
  }

  net::Responder& client_;
  bool listens_ = false;
  bool broken_ = false;
  std::optional<wire::Continuation> facts_;
  std::string outgoing_;
  net::Headers headers_;
  wire::SseReader reader_;
  wire::SseEvent event_;
  std::string response_;
};

StoredTurn::StoredTurn(CoreState& core, const Runtime& runtime, const wire::Format& format, net::HttpRequest& http,
                       net::Responder& client)
    : http_(http), client_(client) {
  if (core.shared.responses == nullptr || format.name() != "responses") return;
  // Without a good key the turn will be refused, and has no part in the store.
  const auto key = check_key(runtime.config(), http.headers, core.shared.clock);
  if (!key) return;
  store_ = core.shared.responses;
  if (*key != nullptr) owner_ = (*key)->name;
}

StoredTurn::~StoredTurn() = default;

Status StoredTurn::recall() {
  if (store_ == nullptr) return {};
  const wire::StoreWish wish = wire::read_store_wish(http_.body);
  wanted_ = wish.store;
  if (wish.previous.empty()) {
    if (wanted_ && tap_ != nullptr) tap_->tell({});
    return {};
  }
  const auto known = store_->find(owner_, wish.previous);
  if (!known)
    return fail_at("body.previous_response_id", ErrorKind::kInvalidInput, "{}; send the whole conversation as input",
                   store_->unknown(wish.previous));
  chain_ = {.previous = wish.previous,
            .stored = wish.store,
            .history = wire::count_items(known->conversation),
            .text_input = wish.text_input};
  if (tap_ != nullptr) tap_->tell(*chain_);
  TRY(http_.body, wire::with_history(http_.body, known->conversation));
  return {};
}

Error StoredTurn::own_place(Error error) const {
  constexpr std::string_view kBody = "body.";
  if (chain_ && error.where.starts_with(kBody))
    error.where = std::string(kBody) + wire::own_place(std::string_view(error.where).substr(kBody.size()), *chain_);
  return error;
}

net::Responder& StoredTurn::responder() noexcept {
  if (store_ == nullptr) return client_;
  if (tap_ == nullptr) tap_ = std::make_unique<Tap>(client_);
  return *tap_;
}

void StoredTurn::keep() {
  if (store_ == nullptr || !wanted_ || tap_ == nullptr) return;
  std::string response = tap_->take_response();
  if (response.empty()) return;
  auto output = wire::output_items(response);
  auto input = wire::input_items(http_.body);
  if (!output || !output->whole || !input || input->empty()) return;
  std::string conversation = std::move(*input);
  if (!output->items.empty()) conversation.append(",").append(output->items);
  store_->keep(owner_, output->id, {.conversation = std::move(conversation), .response = std::move(response)});
}

net::Awaitable<void> run_stored_response(CoreState& core, const net::HttpRequest& request, net::Responder& responder) {
  constexpr std::string_view kPath = "/v1/responses/";
  const std::string_view id = std::string_view(request.path).substr(kPath.size());
  const auto key = check_key(core.runtime->config(), request.headers, core.shared.clock);
  ResponseStore* store = core.shared.responses;
  const std::string_view owner = key && *key != nullptr ? std::string_view((*key)->name) : std::string_view();
  std::optional<Error> failure;
  std::string body;
  if (!key) {
    failure = key.error();
  } else if (id.find('/') != std::string_view::npos) {
    failure = Error{ErrorKind::kNotFound,
                    fmt::format("'{}' of a stored response is not offered: GET and DELETE /v1/responses/{{id}} are",
                                id.substr(id.find('/') + 1, 80)),
                    {}};
  } else if (store == nullptr) {
    failure =
        Error{ErrorKind::kNotFound, "no responses are stored here; the operator may configure `response_store`", {}};
  } else if (request.method == "DELETE") {
    base::JsonWriter out;
    out.begin_object().field("id", id).field("object", "response").field("deleted", true).end_object();
    body = out.take();
    if (!store->forget(owner, id)) failure = Error{ErrorKind::kNotFound, store->unknown(id), {}};
  } else if (auto known = store->find(owner, id)) {
    body = std::move(known->response);
  } else {
    failure = Error{ErrorKind::kNotFound, store->unknown(id), {}};
  }
  if (failure) {
    co_await answer_error(responder, *wire::find_format("responses"), *failure);
    co_return;
  }
  net::Headers headers;
  headers.add("content-type", "application/json");
  Status sent = co_await responder.send(200, headers, body);
  static_cast<void>(sent);
}

}  // namespace thalamus::gateway
