#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/base/unique_fd.h"

namespace moult::testing {

/// An HTTP/1.1 service on loopback, for clients that ask one after the other.
class HttpService {
 public:
  struct Request {
    std::string method;
    std::string path;
    std::map<std::string, std::string> headers;  // names in lower case
  };
  struct Response {
    int status = 200;
    std::string body = {};
    bool silent = false;  // the connection stays open, and nothing comes
  };
  /// Called on the service's thread.
  using Answer = std::function<Response(const Request&)>;

  explicit HttpService(Answer answer);
  ~HttpService();
  HttpService(const HttpService&) = delete;
  HttpService& operator=(const HttpService&) = delete;

  std::string url() const { return url_; }
  /// All so far.
  std::vector<Request> requests() const;

 private:
  void serve();
  void serve_one(UniqueFd client);

  const Answer answer_;
  std::string url_;
  UniqueFd listener_;
  UniqueFd stop_;  // an eventfd
  mutable std::mutex mutex_;
  std::vector<Request> requests_;  // guarded by mutex_
  std::vector<UniqueFd> silent_;   // owned by the service's thread

  std::thread thread_;  // last: it uses everything above
};

}  // namespace moult::testing
