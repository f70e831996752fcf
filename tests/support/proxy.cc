#include "tests/support/proxy.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <future>
#include <list>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace moult::testing {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kPiece = 64UL * 1024;

std::vector<tcp::endpoint> endpoints(const std::string& list) {
  std::vector<tcp::endpoint> found;
  std::istringstream in(list);
  for (std::string one; std::getline(in, one, ',');) {
    const std::size_t colon = one.rfind(':');
    found.emplace_back(asio::ip::make_address(one.substr(0, colon)),
                       static_cast<std::uint16_t>(std::stoul(one.substr(colon + 1))));
  }
  return found;
}

/// So that the peer gets a RST, not a FIN.
void reset(tcp::socket& socket) {
  error_code ignored;
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

/// What the connections of one broker have in common: the state, and who waits for it to change.
class Gate {
 public:
  explicit Gate(asio::io_context& context) : context_(context) {}

  const LinkState& state() const { return state_; }

  /// Runs it now, after the delay, or once the black hole is one no more.
  void pass(std::function<void()> action) {
    switch (state_.mode) {
      case LinkState::Mode::kBlackHole:
        held_.push_back(std::move(action));
        return;
      case LinkState::Mode::kDelay:
        return after(state_.delay, std::move(action));
      case LinkState::Mode::kPass:
      case LinkState::Mode::kDrop:
        return action();
    }
  }

  void set(LinkState state) {
    state_ = state;
    for (auto& action : std::exchange(held_, {})) pass(std::move(action));
  }

 private:
  void after(Milliseconds delay, std::function<void()> action) {
    auto timer = std::make_shared<asio::steady_timer>(context_, delay);
    timer->async_wait([this, timer, action = std::move(action)](error_code) {
      if (state_.mode == LinkState::Mode::kBlackHole) return held_.push_back(action);
      action();
    });
  }

  asio::io_context& context_;
  LinkState state_;
  std::vector<std::function<void()>> held_;
};

/// One client's connection and ours to the broker. It lives as long as an operation of it is under
/// way, or held by the gate.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket client, Gate& gate)
      : gate_(gate), client_(std::move(client)), broker_(client_.get_executor()) {}

  void start(const tcp::endpoint& broker) {
    gate_.pass([self = shared_from_this(), broker] { self->connect(broker); });
  }

  void reset_both() {
    reset(client_);
    reset(broker_);
  }

 private:
  /// One direction. It has one piece in hand at most: what lies behind it stays with the sender.
  struct Pipe {
    tcp::socket& from;
    tcp::socket& to;
    std::array<char, kPiece> piece{};
  };

  void connect(const tcp::endpoint& broker) {
    broker_.async_connect(broker, [self = shared_from_this()](error_code error) {
      if (error) return self->reset_both();
      self->set_no_delay();
      self->read(self->up_);
      self->read(self->down_);
    });
  }

  void set_no_delay() {
    error_code ignored;
    client_.set_option(tcp::no_delay(true), ignored);
    broker_.set_option(tcp::no_delay(true), ignored);
  }

  void read(Pipe& pipe) {
    pipe.from.async_read_some(asio::buffer(pipe.piece), [self = shared_from_this(), &pipe](
                                                            error_code error, std::size_t size) {
      self->gate_.pass([self, &pipe, error, size] { self->forward(pipe, error, size); });
    });
  }

  void forward(Pipe& pipe, error_code error, std::size_t size) {
    if (error == asio::error::eof) return shut_down(pipe.to);
    if (error) return reset_both();
    asio::async_write(pipe.to, asio::buffer(pipe.piece.data(), size),
                      [self = shared_from_this(), &pipe](error_code failed, std::size_t) {
                        if (failed) return self->reset_both();
                        self->read(pipe);
                      });
  }

  static void shut_down(tcp::socket& socket) {
    error_code ignored;
    socket.shutdown(tcp::socket::shutdown_send, ignored);
  }

  Gate& gate_;
  tcp::socket client_;
  tcp::socket broker_;
  Pipe up_{client_, broker_};
  Pipe down_{broker_, client_};
};

/// The proxy of one broker.
class Link {
 public:
  Link(asio::io_context& context, const tcp::endpoint& listen, tcp::endpoint broker)
      : gate_(context), broker_(std::move(broker)), acceptor_(context, listen) {
    accept();
  }

  void set(LinkState state) {
    // First the connections, so that what is held fails instead of going on.
    if (state.mode == LinkState::Mode::kDrop) reset_all();
    gate_.set(state);
  }

  void close() {
    error_code ignored;
    acceptor_.close(ignored);
    reset_all();
    gate_.set({});
  }

 private:
  void accept() {
    acceptor_.async_accept([this](error_code error, tcp::socket client) {
      if (!acceptor_.is_open()) return;
      if (!error) take(std::move(client));
      accept();
    });
  }

  void take(tcp::socket client) {
    if (gate_.state().mode == LinkState::Mode::kDrop) return reset(client);
    const auto connection = std::make_shared<Connection>(std::move(client), gate_);
    connections_.remove_if([](const auto& other) { return other.expired(); });
    connections_.push_back(connection);
    connection->start(broker_);
  }

  void reset_all() {
    for (const auto& each : std::exchange(connections_, {})) {
      if (const auto connection = each.lock()) connection->reset_both();
    }
  }

  Gate gate_;
  const tcp::endpoint broker_;
  tcp::acceptor acceptor_;
  std::list<std::weak_ptr<Connection>> connections_;
};

}  // namespace

/// Everything in it belongs to its thread, once that runs.
class Proxy::Links {
 public:
  Links(const std::vector<tcp::endpoint>& listen, const std::vector<tcp::endpoint>& brokers) {
    if (listen.size() != brokers.size()) throw std::runtime_error("as many links as brokers");
    for (std::size_t i = 0; i < listen.size(); ++i) {
      links_.push_back(std::make_unique<Link>(context_, listen[i], brokers[i]));
    }
    thread_ = std::thread([this] { context_.run(); });
  }

  ~Links() {
    run([](Link& link) { link.close(); });
    work_.reset();
    thread_.join();
  }

  /// On the thread, and waits for it.
  void run(const std::function<void(Link&)>& action, std::size_t from = 0,
           std::size_t to = std::string::npos) {
    std::promise<void> done;
    asio::dispatch(context_, [&] {
      for (std::size_t i = from; i < std::min(to, links_.size()); ++i) action(*links_[i]);
      done.set_value();
    });
    done.get_future().wait();
  }

 private:
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_ =
      asio::make_work_guard(context_);
  std::vector<std::unique_ptr<Link>> links_;
  std::thread thread_;
};

Proxy::Proxy(const std::string& listen, const std::string& brokers)
    : links_(std::make_unique<Links>(endpoints(listen), endpoints(brokers))),
      size_(endpoints(brokers).size()) {}

Proxy::~Proxy() = default;

void Proxy::set(std::size_t link, LinkState state) {
  links_->run([&](Link& each) { each.set(state); }, link, link + 1);
}

void Proxy::set_all(LinkState state) {
  links_->run([&](Link& each) { each.set(state); });
}

}  // namespace moult::testing
