// The one file that knows Boost.Asio and Beast: the server of admin_server.h and the exchange of
// the client.
#include "runtime/admin/http.h"

#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>

#include <atomic>
#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>

#include "runtime/admin/admin_server.h"
#include "runtime/admin/requests.h"
#include "runtime/admin/socket_file.h"
#include "runtime/base/check.h"

namespace moult {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Local = net::local::stream_protocol;
using Stream = beast::basic_stream<Local>;
using beast::error_code;
using std::chrono::milliseconds;

constexpr unsigned kHttpVersion = 11;
constexpr const char* kConfigHeader = "Moult-Config";
constexpr milliseconds kLastAnswers{500};  // at the end of the server
constexpr milliseconds kAcceptPause{100};  // when there are no file descriptors left
constexpr std::size_t kMaxAnswerBytes = 64ULL * 1024 * 1024;  // a status of many lanes

using ConnectionId = std::uint64_t;

class Connections;

/// The way of answers from any thread to the admin thread, which outlives the server.
class AnswerPort {
 public:
  explicit AnswerPort(Connections& connections) : connections_(&connections) {}

  void post(ConnectionId id, AdminResponse response);
  void close() {
    const std::lock_guard lock(mutex_);
    connections_ = nullptr;
  }

 private:
  std::mutex mutex_;
  Connections* connections_;  // guarded by mutex_; null once the server ends
};

/// What an AdminReply shares among its copies.
class PendingAnswer {
 public:
  PendingAnswer(std::shared_ptr<AnswerPort> port, ConnectionId id)
      : port_(std::move(port)), id_(id) {}
  ~PendingAnswer() { give(refusal(500, "the daemon gave no answer")); }
  PendingAnswer(const PendingAnswer&) = delete;
  PendingAnswer& operator=(const PendingAnswer&) = delete;

  void give(AdminResponse response) {
    if (!given_.exchange(true)) port_->post(id_, std::move(response));
  }

 private:
  const std::shared_ptr<AnswerPort> port_;
  const ConnectionId id_;
  std::atomic<bool> given_ = false;
};

/// One connection with its one request. Admin thread only.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Connections& all, ConnectionId id, Local::socket socket);

  void start();
  void answer(const AdminResponse& response);
  /// The server ends: answers what is pending, closes what has not asked yet.
  void end();

 private:
  enum class State { kReading, kWaiting, kWriting };

  void on_read(error_code error);
  std::optional<AdminResponse> refuse();
  void ask();
  void watch();
  bool peer_is_gone();
  void close();

  Connections& all_;
  const ConnectionId id_;
  Stream stream_;
  beast::flat_buffer buffer_;
  http::request_parser<http::string_body> parser_;
  http::response<http::string_body> response_;
  PeerCredentials peer_;
  State state_ = State::kReading;
};

/// The connections of a server. Admin thread only, once it runs.
class Connections {
 public:
  Connections(AdminServerOptions options, AdminHandler handler, Logger log, int listener,
              gid_t group)
      : options_(std::move(options)),
        handler_(std::move(handler)),
        log_(log),
        group_(group),
        port_(std::make_shared<AnswerPort>(*this)),
        timer_(io_),
        acceptor_(io_, Local(), listener) {}

  void run() noexcept {
    pthread_setname_np(pthread_self(), "moult-admin");
    accept();
    io_.run();
  }

  /// Any thread, once.
  void end() {
    port_->close();
    net::post(io_, [this] { end_here(); });
  }

  net::io_context& io() { return io_; }
  const AdminServerOptions& options() const { return options_; }
  const AdminHandler& handler() const { return handler_; }
  const Logger& log() const { return log_; }
  gid_t group() const { return group_; }
  const std::shared_ptr<AnswerPort>& port() const { return port_; }

  void answer(ConnectionId id, const AdminResponse& response) {
    const auto found = open_.find(id);
    if (found != open_.end()) found->second->answer(response);
  }

  void forget(ConnectionId id) {
    open_.erase(id);
    if (ending_) {
      if (open_.empty()) io_.stop();
    } else {
      accept();
    }
  }

 private:
  void accept() {
    if (accepting_ || open_.size() >= options_.max_connections) return;
    accepting_ = true;
    acceptor_.async_accept([this](error_code error, Local::socket socket) {
      accepting_ = false;
      if (ending_) return;
      if (error) return accept_later(error);
      const ConnectionId id = next_id_++;
      const auto connection = std::make_shared<Connection>(*this, id, std::move(socket));
      open_.emplace(id, connection);
      connection->start();
      accept();
    });
  }

  void accept_later(error_code error) {
    log_.warning("admin connection not accepted", {{"error", error.message()}});
    timer_.expires_after(kAcceptPause);
    timer_.async_wait([this](error_code stopped) {
      if (!stopped && !ending_) accept();
    });
  }

  void end_here() {
    ending_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    const auto all = open_;
    for (const auto& [id, connection] : all) connection->end();
    if (open_.empty()) return io_.stop();
    timer_.expires_after(kLastAnswers);
    timer_.async_wait([this](error_code stopped) {
      if (!stopped) io_.stop();
    });
  }

  // Constant after construction.
  const AdminServerOptions options_;
  const AdminHandler handler_;
  const Logger log_;
  const gid_t group_;
  const std::shared_ptr<AnswerPort> port_;

  net::io_context io_{1};
  // Owned by the admin thread.
  net::steady_timer timer_;
  Local::acceptor acceptor_;
  std::unordered_map<ConnectionId, std::shared_ptr<Connection>> open_;
  ConnectionId next_id_ = 0;
  bool accepting_ = false;
  bool ending_ = false;
};

void AnswerPort::post(ConnectionId id, AdminResponse response) {
  const std::lock_guard lock(mutex_);
  if (connections_ == nullptr) return;
  net::post(connections_->io(),
            [all = connections_, id, answer = std::move(response)] { all->answer(id, answer); });
}

Connection::Connection(Connections& all, ConnectionId id, Local::socket socket)
    : all_(all), id_(id), stream_(std::move(socket)) {
  parser_.body_limit(all.options().max_body_bytes);
}

void Connection::start() {
  const auto peer = peer_of(stream_.socket().native_handle());
  if (!peer) return close();
  peer_ = *peer;
  stream_.expires_after(all_.options().idle_timeout);
  http::async_read(
      stream_, buffer_, parser_,
      [self = shared_from_this()](error_code error, std::size_t) { self->on_read(error); });
}

void Connection::on_read(error_code error) {
  if (state_ != State::kReading) return;  // the server ended
  if (error == http::error::body_limit) return answer(refusal(413, "the request is too large"));
  if (error == http::error::header_limit) return answer(refusal(431, "the header is too large"));
  if (error == http::error::end_of_stream || error == beast::error::timeout) return close();
  if (error.category() == http::make_error_code(http::error::bad_method).category()) {
    return answer(refusal(400, "not an HTTP request: " + error.message()));
  }
  if (error) return close();
  if (const auto refused = refuse()) return answer(*refused);
  ask();
}

std::optional<AdminResponse> Connection::refuse() {
  if (!peer_allowed(stream_.socket().native_handle(), peer_, all_.group())) {
    all_.log().warning("admin request refused: not a member of the socket's group",
                       {{"uid", peer_.uid}, {"pid", peer_.pid}});
    return refusal(403, "only root, the daemon's user and members of the socket's group may ask");
  }
  const auto meant = parser_.get()[kConfigHeader];
  if (!meant.empty() && meant != all_.options().config_key) {
    return refusal(kOtherDaemon, "this daemon runs another configuration");
  }
  return std::nullopt;
}

void Connection::ask() {
  auto message = parser_.release();
  AdminRequest request{std::string(message.method_string()), std::string(message.target()),
                       std::move(message.body()), peer_};
  if (message.method() != http::verb::get && message.method() != http::verb::head) {
    all_.log().info("admin request", {{"method", request.method},
                                      {"target", request.target},
                                      {"uid", peer_.uid},
                                      {"pid", peer_.pid}});
  }
  state_ = State::kWaiting;
  stream_.expires_never();
  watch();
  auto pending = std::make_shared<PendingAnswer>(all_.port(), id_);
  all_.handler()(request,
                 [pending](AdminResponse response) { pending->give(std::move(response)); });
}

/// A client that leaves while its answer is being made must not keep its place.
void Connection::watch() {
  stream_.socket().async_wait(Local::socket::wait_read,
                              [self = shared_from_this()](error_code error) {
                                if (error || self->state_ != State::kWaiting) return;
                                if (self->peer_is_gone()) self->close();
                              });
}

/// Not one that has only closed its own direction, or sent more than its request.
bool Connection::peer_is_gone() {
  pollfd fd{stream_.socket().native_handle(), 0, 0};
  return ::poll(&fd, 1, 0) == 1 && (fd.revents & (POLLHUP | POLLERR)) != 0;
}

void Connection::answer(const AdminResponse& response) {
  if (state_ == State::kWriting) return;
  state_ = State::kWriting;
  response_.version(kHttpVersion);
  response_.result(static_cast<unsigned>(response.status));
  response_.set(http::field::content_type, "application/json");
  response_.keep_alive(false);
  response_.body() = response.body + "\n";
  response_.prepare_payload();
  stream_.expires_after(all_.options().idle_timeout);
  http::async_write(stream_, response_,
                    [self = shared_from_this()](error_code, std::size_t) { self->close(); });
}

void Connection::end() {
  if (state_ == State::kWaiting) return answer(refusal(503, "the daemon is stopping"));
  if (state_ == State::kReading) {
    state_ = State::kWriting;
    close();
  }
}

void Connection::close() {
  stream_.close();
  all_.forget(id_);
}

/// The client's side: one exchange on the calling thread.
class Exchange {
 public:
  Exchange(UniqueFd socket, const AdminRequest& request, const std::string& config_key)
      : stream_(io_) {
    stream_.socket().assign(Local(), socket.release());
    request_.version(kHttpVersion);
    request_.method_string(request.method);
    request_.target(request.target);
    request_.set(http::field::host, "moult");
    request_.set(http::field::content_type, "application/json");
    if (!config_key.empty()) request_.set(kConfigHeader, config_key);
    request_.keep_alive(false);
    request_.body() = request.body;
    request_.prepare_payload();
    parser_.body_limit(kMaxAnswerBytes);
  }

  Result<AdminResponse> run(milliseconds timeout) {
    stream_.expires_after(timeout);
    // A server that has seen enough answers before it has taken everything, so a failed write may
    // still have an answer.
    http::async_write(stream_, request_, [this](error_code, std::size_t) {
      http::async_read(stream_, buffer_, parser_,
                       [this](error_code error, std::size_t) { error_ = error; });
    });
    io_.run();
    if (error_ == beast::error::timeout) {
      return failure(fmt::format("no answer within {} ms", timeout.count()));
    }
    if (error_ == http::error::end_of_stream || error_ == net::error::connection_reset ||
        error_ == http::error::partial_message) {
      return failure("the daemon ended the connection before it answered");
    }
    if (error_) return failure("no answer: " + error_.message());
    auto message = parser_.release();
    return AdminResponse{static_cast<int>(message.result_int()), std::move(message.body())};
  }

 private:
  net::io_context io_{1};
  Stream stream_;
  http::request<http::string_body> request_;
  beast::flat_buffer buffer_;
  http::response_parser<http::string_body> parser_;
  error_code error_;
};

}  // namespace

struct AdminServer::Impl {
  Impl(AdminServerOptions options, AdminHandler handler, Logger log, SocketFile its_file)
      : file(std::move(its_file)),
        connections(std::move(options), std::move(handler), log, file.release_listener(),
                    file.group()),
        thread([this] { connections.run(); }) {}
  ~Impl() {
    connections.end();
    thread.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  SocketFile file;
  Connections connections;
  std::thread thread;
};

Result<std::unique_ptr<AdminServer>> AdminServer::open(AdminServerOptions options,
                                                       AdminHandler handler, Logger log) {
  auto file = SocketFile::listen_at(options.socket, options.private_folder);
  if (!file) return Unexpected(file.error());
  try {
    auto impl =
        std::make_unique<Impl>(std::move(options), std::move(handler), log, std::move(*file));
    return std::unique_ptr<AdminServer>(new AdminServer(std::move(impl)));
  } catch (const std::exception& error) {
    // No file descriptor or thread was left.
    return failure(std::string("the admin socket can't be served: ") + error.what());
  }
}

AdminServer::AdminServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AdminServer::~AdminServer() = default;

Result<AdminResponse> exchange_http(UniqueFd socket, const AdminRequest& request,
                                    const std::string& config_key, milliseconds timeout) {
  try {
    return Exchange(std::move(socket), request, config_key).run(timeout);
  } catch (const std::exception& error) {
    return failure(std::string("no answer: ") + error.what());
  }
}

}  // namespace moult
