#pragma once

#include "activities/http/egress_guard.h"
#include "activities/http/message.h"
#include "activities/http/transport.h"
#include "dalsegno/contact.h"

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

namespace dalsegno::http {

/// What became of a request.
struct Answer {
  std::optional<Failure> failure;
  Response response;
  /// Where the answer is a redirect that was not followed, as the guard denies it, it would carry
  /// a body to another origin, or it does not say which method to use: the URL that it names,
  /// without its query. It may be asked for anew; `response` is the redirect itself.
  std::string redirect;
};

/// Takes each contact when it is over, in order, on the caller's thread: answered, failed or
/// denied.
using ContactSink = std::function<void(Contact)>;

struct SendOptions {
  Limits limits = {};
  Routes routes = {};           ///< hosts to which the call's permit leads
  ConnectPolicy policy = {};    ///< asked about each address; empty: the rules alone decide
  ContactSink on_contact = {};  ///< empty: nobody takes them
  std::stop_token stop = {};    ///< a stop closes the connection
  HeadSink on_head = {};        ///< of the answer that is not a followed redirect
  BodySink on_body = {};        ///< its body, piece by piece; empty: collected in the response
  BodyPace body_pace = {};      ///< in place of `limits.idle`
  /// The connection may serve other requests to the same origin, before and after. Each is still
  /// admitted by the guard, and a kept connection serves only where its address is admitted again.
  bool keep_alive = false;
};

/// The one way by which Dalsegno sends HTTP requests.
///
/// Each contact is admitted by the guard, dials an address that was vetted, and is reported, also
/// when a sink of the caller throws: the contact's outcome is "exception" then.
/// A redirect to a place that the guard permits is followed: without its body after 303 and after
/// 301 and 302 to a POST, and to another origin without any header that may hold a credential.
/// Every other redirect is an answer. Proxy variables of the environment are not looked at.
/// Thread: any; each call blocks its own.
class Client {
 public:
  Client(EgressGuard const& guard, Transport& transport) : guard_(guard), transport_(transport) {}

  [[nodiscard]] Answer send(Request request, SendOptions const& options = {}) const;

 private:
  EgressGuard const& guard_;
  Transport& transport_;
};

}  // namespace dalsegno::http
