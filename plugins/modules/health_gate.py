#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run checks, then measure metrics, and give one verdict. Touches nothing but what these themselves touch."""

from __future__ import annotations

DOCUMENTATION = r"""
module: health_gate
short_description: Run checks, measure metrics, and give one verdict
version_added: 0.1.0
description:
  - Runs all checks at the same time, from the host that the task runs on, until each is decided.
  - A check passes after a number of consecutive good answers, so an endpoint that flaps does not pass.
  - The verdict is V(pass) when every check passed, V(fail) when one failed, and V(insufficient) when nothing is known,
    because no attempt could be made or because there was no check. No data is never a pass.
  - Metrics are measured after the checks have passed, each at its interval, and judged by its conditions and limits. A
    release takes traffic meanwhile, so this is the analysis of a canary, or of what was just switched to.
  - A measurement is a success, a failure, inconclusive (both conditions are set and neither is met), or without data
    (nothing, null, a number that is none, an empty list, a division by zero, too few requests). When the source cannot
    be asked it is an error, which is no measurement - it is asked again after 10 seconds.
  - A metric of type V(judge) has no conditions. It compares the canary with the stable side by tests that may be looked
    at as often as one likes. Each measurement is a look; a V(fail) decides at once, otherwise the last look stands.
  - A limit trips when it is exceeded. A metric that has failed ends the analysis. The worst metric gives the verdict;
    one that was never measured well does not pass, whatever its limits allow.
  - Use C(delegate_to) to look from a balancer or from the controller.
requirements:
  - psycopg2 on the host that runs the task, for checks of type V(sql) and metrics with a O(metrics[].dsn)
author:
  - The slipway.release developers (@slipway)
options:
  checks:
    description:
      - What to check. Every attempt uses a fresh connection or process.
      - At least one of O(checks), O(metrics) and O(steady) is required.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the check, unique in the call.
        type: str
        required: true
      type:
        description: What kind of question is asked.
        type: str
        required: true
        choices: [http, tcp, command, unit, sql]
      budget_ms:
        description: Milliseconds that an answer may take; a slower one is a failed attempt. V(0) is no budget.
        type: int
        default: 0
      timeout:
        description: Seconds after which an attempt is given up.
        type: int
        default: 1
      interval:
        description: Seconds from the end of one attempt to the start of the next. V(0) is 50 milliseconds.
        type: int
        default: 1
      successes:
        description: Consecutive good answers that make a pass.
        type: int
        default: 3
      startup:
        description: Seconds from the start in which failures do not count towards O(checks[].failures).
        type: int
        default: 0
      deadline:
        description: Seconds from the start after which a check that has not passed has failed.
        type: int
        default: 60
      failures:
        description:
          - Consecutive failures after O(checks[].startup) that end the check before its deadline.
          - V(0) goes on until the deadline.
        type: int
        default: 0
      url:
        description: For V(http), what to ask for. Redirects are not followed and no proxy is used.
        type: str
      method:
        description: For V(http), the method; V(GET) when not given.
        type: str
        choices: [GET, HEAD, OPTIONS, POST]
      headers:
        description: For V(http), headers to send, none of them secret.
        type: dict
      secret_headers:
        description: For V(http), headers to send whose values never appear in output.
        type: dict
      host:
        description: For V(http), the header C(Host), when it is not the one of the URL.
        type: str
      address:
        description:
          - For V(tcp), the C(host:port) that must accept a connection.
          - For V(http), the C(host:port) to connect to in place of the one of the URL.
        type: str
      status:
        description: For V(http), accepted status codes; any of 200 to 299 when not given.
        type: list
        elements: int
      body:
        description: For V(http), text that the body must contain.
        type: str
      body_regex:
        description: For V(http), regular expression that must be found in the body.
        type: str
      json:
        description:
          - For V(http), expected values by path in a body of JSON, such as C(checks[0].status).
        type: dict
      response_headers:
        description: For V(http), exact values of headers of the answer.
        type: dict
      tls:
        description: For V(http) with an https URL, how the server proves who it is.
        type: dict
        suboptions:
          verify:
            description: Check the certificate and its name.
            type: bool
            default: true
          ca:
            description: File with the certificates to trust, in place of those of the system.
            type: path
          server_name:
            description: Name to ask for and to check, in place of the host of the URL.
            type: str
          min_days:
            description: Days that the certificate must still be valid.
            type: int
            default: 0
      argv:
        description: For V(command), program and arguments. No shell is used.
        type: list
        elements: str
      rc:
        description: For V(command), accepted exit statuses; only 0 when not given.
        type: list
        elements: int
      stdout:
        description: For V(command), text that standard output must contain.
        type: str
      environment:
        description: For V(command), environment variables beside those of the task's user, none of them secret.
        type: dict
      unit:
        description:
          - For V(unit), the systemd unit that must be active, with its suffix.
          - A unit that was restarted between two attempts has failed the second one.
        type: str
      dsn:
        description: For V(sql), connection string of PostgreSQL. Never part of any output.
        type: str
      query:
        description: For V(sql), one statement, run read-only, that must return a row.
        type: str
      expect:
        description: For V(sql), the first value of the first row, as text; any when not given.
        type: str
  metrics:
    description:
      - What to measure, after all checks have passed.
      - What a measurement gives is called C(result) in conditions, or C(stable) and C(canary) with O(metrics[].slots).
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the metric, unique in the call.
        type: str
        required: true
      type:
        description:
          - Where the numbers come from.
          - V(prometheus) is an instant query of Prometheus' HTTP API, or of what speaks it. A vector is the list of its
            values; of one series both C(result) and C(result[0]) are its value. A vector without series is no data.
          - V(haproxy) is what HAProxy has counted between two readings, over its current worker and those that a reload
            replaced. It needs access to its admin socket. The mean of the latency is HAProxy's own, over the last 1024
            answers of each server.
          - V(nginx_log) is what stands in the access log that slipway's nginx writes, from the start of the analysis
            on, across rotation. It needs read access to the log.
          - V(http_json) is a value in a JSON document over HTTP.
          - V(sql) is the row that a query gives, which runs read-only; of one column its value, of several each by its
            name.
          - V(judge) shows the statistical judge what O(metrics[].from) has seen, in O(metrics[].interval) seconds each.
          - V(haproxy) and V(nginx_log) give C(requests), C(errors) (answers of 500 and more), C(error_rate) and
            C(success_rate) in percent, C(status) with C(1xx) to C(5xx), and C(latency_ms) with C(mean).
          - V(nginx_log) adds C(p50), C(p90), C(p95), C(p99) and C(max), exact, the same as C(upstream_ms) for the time
            that instances took, and C(retried).
          - V(haproxy) adds C(connection_errors), C(response_errors), C(retries), C(redispatches), C(client_aborts),
            C(server_aborts), and C(servers) with the same counts of each server.
        type: str
        required: true
      interval:
        description:
          - Seconds from one measurement to the next. Needed for more than one.
          - V(haproxy), V(nginx_log) and V(judge) need it always, since they take a first reading and measure an
            interval later.
        type: int
        default: 0
      initial_delay:
        description: Seconds before the source is asked for the first time.
        type: int
        default: 0
      count:
        description:
          - Measurements to make; at the end the metric passes if no limit has tripped and one has succeeded.
          - For V(judge), looks to make, at most 500; at the end the last one stands.
        type: int
        default: 1
      timeout:
        description: Seconds after which a source that does not answer is an error.
        type: int
        default: 5
      success_condition:
        description:
          - When a measurement is a success. Without it, everything that is no failure is one.
          - The language has C(< <= > >= == !=), C(and), C(or), C(not), C(+ - * / // %), parentheses, numbers, texts in
            quotes, C(true), C(false), parts such as C(result["name"]), C(result.name) and C(result[0]), and functions,
            namely C(len), C(min), C(max), C(abs) and C(default). The last one takes two values, and is the second where
            there is no data for the first; the evidence says so.
          - A condition is checked before anything is measured.
        type: str
      failure_condition:
        description:
          - When a measurement is a failure, even if O(metrics[].success_condition) is met as well. Without it,
            everything that is no success is one.
          - When both conditions are set and neither is met, the measurement is inconclusive. One of both is required,
            but for V(judge), which takes none.
        type: str
      failure_limit:
        description:
          - Failed measurements that are allowed; more are a failed metric. V(-1) allows any number.
          - V(judge) takes none of the limits but O(metrics[].consecutive_error_limit).
        type: int
        default: 0
      inconclusive_limit:
        description:
          - Measurements that are inconclusive or without data and allowed; with more the verdict is V(insufficient).
          - V(-1) allows any number.
        type: int
        default: 0
      consecutive_failure_limit:
        description:
          - Failed measurements in a row that are allowed; more are a failed metric. V(0) is no such limit.
          - Errors between them neither count nor end the row. Use it with a O(metrics[].failure_limit) of V(-1).
        type: int
        default: 0
      consecutive_error_limit:
        description: Errors in a row that are allowed; with more the verdict is V(insufficient).
        type: int
        default: 4
      consecutive_success_limit:
        description:
          - Successes in a row that make a pass before O(metrics[].count) is reached, and without which it is none.
          - V(0) is for no such end.
        type: int
        default: 0
      dry_run:
        description: Measure and report, but do not decide.
        type: bool
        default: false
      slots:
        description:
          - What stable and canary are. Conditions then use C(stable) and C(canary) in place of C(result).
          - V(haproxy), V(nginx_log) and judges of them take V(blue) and V(green). For the others, C(<slot>) in
            O(metrics[].query), O(metrics[].url) or O(metrics[].path) stands for the name given here. V(judge) needs
            both sides.
        type: dict
        suboptions:
          stable:
            description: The slot that the canary is compared with; when not given, only the canary is measured.
            type: str
          canary:
            description: The slot of the canary.
            type: str
      url:
        description: For V(prometheus) and judges of it, URL of the server; for V(http_json), URL of the document.
        type: str
      query:
        description: For V(prometheus), the query; for V(sql), the statement, which must give at most one row.
        type: str
      path:
        description: For V(http_json), where the value is, such as C(data.orders[0].count); all of it when not given.
        type: str
      headers:
        description: For V(prometheus), judges of it and V(http_json), headers to send, none of them secret.
        type: dict
      secret_headers:
        description: The same as O(metrics[].headers), with values that never appear in output.
        type: dict
      username:
        description: For V(prometheus), judges of it and V(http_json), user of basic authentication.
        type: str
      password:
        description: For all that take O(metrics[].username), its password. Never part of any output.
        type: str
      bearer_token:
        description: For V(prometheus), judges of it and V(http_json), token to send. Never part of any output.
        type: str
      tls:
        description: For V(prometheus), judges of it and V(http_json), how a server with an https URL proves who it is.
        type: dict
        suboptions:
          verify:
            description: Check the certificate and its name.
            type: bool
            default: true
          ca:
            description: File with the certificates to trust, in place of those of the system.
            type: path
          server_name:
            description: Name to ask for and to check, in place of the host of the URL.
            type: str
          min_days:
            description: Not for metrics.
            type: int
            default: 0
      dsn:
        description: For V(sql), connection string of PostgreSQL. Never part of any output.
        type: str
      database:
        description: For V(sql), path of an SQLite file, in place of O(metrics[].dsn).
        type: path
      app:
        description: For V(haproxy), V(nginx_log) and judges of them, the application.
        type: str
      socket:
        description: For V(haproxy) and judges of it, the admin socket; V(/run/haproxy/slipway.sock) when not given.
        type: path
      master_socket:
        description: For V(haproxy) and judges of it, the master socket; V(/run/haproxy-master.sock) when not given.
        type: path
      log:
        description: For V(nginx_log) and judges of it, the log; V(/var/log/nginx/slipway-APP.json.log) when not given.
        type: path
      window:
        description:
          - For V(haproxy) and V(nginx_log), seconds before a measurement that it covers. V(0) covers all since the
            start, as when not given.
          - V(haproxy) takes the reading that is nearest to that, so it should be a multiple of the interval.
        type: int
      least_requests:
        description: For V(haproxy) and V(nginx_log), a side with fewer requests is without data; V(1) when not given.
        type: int
      from:
        description:
          - For V(judge), what has counted the requests, V(nginx_log) or V(haproxy), or V(prometheus) for series.
          - V(haproxy) knows errors only, since HAProxy counts no latencies.
        type: str
      compare:
        description:
          - For V(judge), what is compared, each with a C(name) and a C(kind).
          - C(errors) compares the shares of answers of 500 and more. C(margin) and C(harm) have C(points), which are
            percentage points above the stable side, or a C(ratio) to it, or both. They are 0.5 and 2 points when not
            given.
          - C(quantile) compares the quantile of latencies at C(percent), 99 when not given. C(margin) and C(harm) are
            multiples of the stable side's, 1.25 and 2 when not given.
          - C(limit) compares the quantile at C(percent) with C(margin) and C(harm), in milliseconds; all three are
            needed.
          - C(series) compares the values of a C(query) at points of time. C(<slot>) in it stands for the slot, for
            which it gives one series. C(margin) and C(harm) are changes for the worse, each with a C(ratio), a
            C(difference), or both; ratios of 1 and 1.5 when not given. C(higher_is_worse) is true when not given; with
            false C(harm) must be stated. A point counts at which both sides have a value.
          - The canary may be as bad as the margin, and must not be as bad as the harm.
        type: list
        elements: dict
      spacing:
        description:
          - For judges of V(prometheus), seconds from one point to the next, by the server's clock; V(60) when not
            given. A look has 1 to 60 points.
          - Points are taken for independent of each other. No range in a C(query) may be longer. Less than the scrape
            interval of the slots' targets, where the server tells that, is an error of the source.
        type: int
      level:
        description:
          - For V(judge), most that the probability of V(fail) may be when nothing is beyond its margin, over all looks;
            V(0.01) when not given.
        type: str
      power:
        description:
          - For V(judge), least that the probability of not saying V(pass) must be when something is at its harm;
            V(0.95) when not given.
        type: str
      must_pass:
        description:
          - For V(judge), whether V(insufficient) after the last look speaks against going on. With V(false) the
            verdict is the same and RV(on_course) is V(true), as long as the looks could be made.
        type: bool
        default: true
      step:
        description: For V(judge), what the names of the looks begin with, one for each call but those of slices.
        type: str
      deployment:
        description: For V(judge), what the record belongs to. One of another deployment is not taken over.
        type: str
      record:
        description:
          - For V(judge), the looks of the steps before, as an earlier analysis returned them. A record of another
            O(metrics[].compare), O(metrics[].level) or O(metrics[].power) is refused.
        type: dict
      position:
        description:
          - For V(haproxy), V(nginx_log) and V(judge), the position that an earlier analysis returned, to measure on
            from there without a gap. What was counted before still counts.
        type: dict
      skip:
        description: Why the metric is not measured. It is one of RV(left_out) then, and does not decide.
        type: str
  steady:
    description:
      - Where a process must go on listening while metrics are measured, and for O(duration) or O(slice_seconds) when
        there are none. Each address is connected to twice a second, after all checks have passed.
      - The first connection that is refused is a failure and ends the call. The process has died then or closed its
        listener, even if systemd has started it again a second later and users have hardly noticed. A slow answer is
        no death; an address that has not accepted any connection in the time is asked for five seconds more.
      - A connection waits in the queue of the listener until the program accepts it, as those of users do.
      - What was found is part of RV(checks), with C(steady) for its type.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of what listens, unique among them.
        type: str
        required: true
      address:
        description: The C(host:port) to connect to.
        type: str
        required: true
  deadline:
    description:
      - Seconds from the first metric on, after which metrics that are not decided are V(insufficient).
      - V(0) is no deadline; the counts and timeouts of the metrics end the analysis then.
    type: int
    default: 0
  duration:
    description:
      - Seconds that the metrics take at least. What is decided early is waited out, unless a metric has failed or could
        not be measured.
      - V(0) ends the call as soon as everything is decided.
    type: int
    default: 0
  slice_seconds:
    description:
      - Seconds after which the call ends although metrics are undecided, so that a lease can be renewed. A later call
        goes on with them, with the same O(metrics) and O(earlier), and judges the requests of all slices together.
      - The call takes these seconds when everything is decided too, as with O(duration).
      - V(0) measures to the end.
    type: int
    default: 0
  earlier:
    description: RV(metrics) of the call before, of which this one is the continuation.
    type: list
    elements: dict
    default: []
  step_before:
    description:
      - RV(metrics) of the last call of the step before, whose O(metrics[].record) the judge goes on with. Of other
        metrics nothing is taken over.
    type: list
    elements: dict
    default: []
  fail_fast:
    description: End the gate as soon as one check has failed; the others are then V(insufficient).
    type: bool
    default: false
  fail:
    description: Fail the task when the verdict is not V(pass).
    type: bool
    default: true
notes:
  - Metrics of every type are tested with the real program; those of type V(prometheus) with Prometheus 2.42.
attributes:
  check_mode:
    support: full
    description: Options are validated and checks and metrics are listed; nothing is asked, so the verdict is
      V(insufficient), which does not fail the task.
  diff_mode:
    support: none
    description: Nothing is changed.
  idempotent:
    support: full
    description: Nothing is changed.
"""

EXAMPLES = r"""
- name: The instance in the spare slot is ready
  slipway.release.health_gate:
    checks:
      - name: ready
        type: http
        url: http://127.0.0.1:8082/health/ready
        budget_ms: 500
        successes: 3
        startup: 20
        deadline: 150
        json:
          release: 1.4.2
      - name: unit
        type: unit
        unit: slipway-shop-web@green.service

- name: The certificate of the site lasts another three weeks
  slipway.release.health_gate:
    checks:
      - name: certificate
        type: http
        url: https://shop.example/
        tls:
          min_days: 21
  delegate_to: localhost

- name: The database takes writes
  slipway.release.health_gate:
    checks:
      - name: primary
        type: sql
        dsn: "{{ shop_dsn }}"
        query: SELECT pg_is_in_recovery()
        expect: "False"

- name: The canary is no worse than the stable slot, in ten minutes of its traffic
  slipway.release.health_gate:
    metrics:
      - name: errors
        type: nginx_log
        app: shop
        slots: {stable: blue, canary: green}
        least_requests: 100
        interval: 60
        count: 10
        failure_condition: canary.error_rate > stable.error_rate + 5
      - name: latency
        type: nginx_log
        app: shop
        slots: {stable: blue, canary: green}
        least_requests: 100
        interval: 60
        count: 10
        failure_condition: canary.latency_ms.p99 > 2 * stable.latency_ms.p99
        failure_limit: 1
    deadline: 900
  become: true

- name: No instance dies in five minutes
  slipway.release.health_gate:
    steady:
      - name: web on app1
        address: 192.0.2.21:8082
      - name: web on app2
        address: 192.0.2.22:8082
    duration: 300

- name: The canary is judged against the stable slot, going on with what was seen in the step before
  slipway.release.health_gate:
    metrics:
      - name: canary against stable
        type: judge
        from: nginx_log
        app: shop
        slots: {stable: blue, canary: green}
        step: canary at 50 %
        interval: 60
        count: 10
        compare:
          - {name: errors, kind: errors}
          - {name: p99, kind: quantile, percent: 99, margin: 1.5, harm: 3}
    step_before: "{{ canary_at_10_percent.metrics }}"
  become: true

- name: The canary needs no more CPU for a request than the stable slot, and sells as much
  slipway.release.health_gate:
    metrics:
      - name: what the canary needs and sells
        type: judge
        from: prometheus
        url: https://prometheus.example:9090
        slots: {stable: blue, canary: green}
        interval: 600
        spacing: 60
        count: 3
        compare:
          - name: CPU of a request
            kind: series
            query: >-
              sum(rate(process_cpu_seconds_total{slot="<slot>"}[1m]))
              / sum(rate(http_requests_total{slot="<slot>"}[1m]))
            margin: {ratio: 1.1}
            harm: {ratio: 1.5}
          - name: share of requests that order
            kind: series
            query: sum(rate(orders_total{slot="<slot>"}[1m])) / sum(rate(http_requests_total{slot="<slot>"}[1m]))
            higher_is_worse: false
            harm: {ratio: 0.7}

- name: More than 10 % errors in each of five minutes, one after the other, are a failure
  slipway.release.health_gate:
    metrics:
      - name: errors
        type: haproxy
        app: shop
        slots: {canary: green}
        interval: 60
        window: 60
        count: 30
        failure_condition: canary.error_rate > 10
        failure_limit: -1
        consecutive_failure_limit: 4
  become: true

- name: No critical alert within ten minutes, and orders still come in
  slipway.release.health_gate:
    metrics:
      - name: alerts
        type: prometheus
        url: https://prometheus.example:9090
        username: slipway
        password: "{{ prometheus_password }}"
        query: >-
          count(ALERTS{alertstate="firing", severity="critical"}
          unless ALERTS{alertstate="firing", severity="critical"} offset 15m)
          or 0 * count(ALERTS{alertname="Watchdog"})
        interval: 60
        count: 10
        success_condition: result == 0
      - name: orders
        type: sql
        dsn: "{{ shop_dsn }}"
        query: SELECT count(*) FROM orders WHERE created > now() - interval '5 minutes'
        interval: 300
        count: 2
        success_condition: result >= 20
  delegate_to: localhost
"""

RETURN = r"""
verdict:
  description: The verdict of all checks and of the metrics that decide, together.
  returned: always, unless the options are refused
  type: str
  sample: pass
from:
  description: The host that the checks were made from.
  returned: always, unless the options are refused
  type: str
  sample: lb1
elapsed_ms:
  description: Milliseconds that the gate took.
  returned: always, unless the options are refused
  type: int
  sample: 2104
checks:
  description: The findings of every check and of O(steady), in the order of the options.
  returned: always, unless the options are refused
  type: list
  elements: dict
  contains:
    name:
      description: Name of the check.
      type: str
      sample: ready
    type:
      description: Kind of the check.
      type: str
      sample: http
    target:
      description: What was asked.
      type: str
      sample: GET http://127.0.0.1:8082/health/ready
    verdict:
      description: V(pass), V(fail) or V(insufficient).
      type: str
      sample: pass
    reason:
      description: What decided.
      type: str
      sample: 3 consecutive good answers
    attempts_made:
      description: Number of attempts.
      type: int
      sample: 3
    attempts:
      description: The attempts; of more than 50 the first 10 and the last 40.
      type: list
      elements: dict
      sample: [{at_ms: 0, ok: true, latency_ms: 4, detail: ""}]
    latency_ms:
      description: Durations of the attempts in milliseconds; null when none could be made.
      type: dict
      sample: {min: 3, p50: 4, p95: 6, max: 6}
on_course:
  description:
    - Whether nothing speaks against going on, that is everything passed, is not decided yet, or is a judge without
      O(metrics[].must_pass).
  returned: always, unless the options are refused
  type: bool
  sample: true
left_out:
  description: The metrics that were not measured, each with its C(name) and the C(reason), O(metrics[].skip).
  returned: always, unless the options are refused
  type: list
  elements: dict
  sample: [{name: errors, reason: "it compares with the stable side, which has no traffic at 100 %"}]
metrics:
  description: The finding of every other metric, in the order of the option; the evidence of the analysis.
  returned: always, unless the options are refused
  type: list
  elements: dict
  contains:
    name:
      description: Name of the metric.
      type: str
      sample: errors
    type:
      description: Where its numbers come from.
      type: str
      sample: nginx_log
    target:
      description: What was asked.
      type: str
      sample: /var/log/nginx/slipway-shop.json.log
    success_condition:
      description: The condition, empty when there is none.
      type: str
      sample: ""
    failure_condition:
      description: The condition, empty when there is none.
      type: str
      sample: canary.error_rate > stable.error_rate + 5
    dry_run:
      description: Whether the metric did not decide.
      type: bool
      sample: false
    verdict:
      description: V(pass), V(fail) or V(insufficient).
      type: str
      sample: fail
    reason:
      description: What decided.
      type: str
      sample: "failed once, more than failure_limit 0; the last: canary.error_rate = 8.5, stable.error_rate = 0.2"
    successes:
      description: Number of measurements that succeeded.
      type: int
      sample: 3
    failures:
      description: Number of measurements that failed.
      type: int
      sample: 1
    inconclusive:
      description: Number of measurements that met neither condition.
      type: int
      sample: 0
    no_data:
      description: Number of measurements without data.
      type: int
      sample: 0
    errors:
      description: Number of times that the source could not be asked.
      type: int
      sample: 0
    measurements:
      description:
        - Every time that the source was asked, with milliseconds since the start of the analysis, the time in UTC, and
          C(verdict), one of V(success), V(failure), V(inconclusive), V(no_data) and V(error).
        - C(value) is what was measured, C(detail) the numbers that decided or why there are none.
        - For V(judge), C(value) is the judgement, its numbers integers or text. Each of its C(metrics) has a
          C(verdict), a C(reason), the e-values of C(harm) and C(safety), what was C(observed) at this look, and in
          C(missing) how many more requests or points it takes to pass, if the canary is as good as the stable side.
      type: list
      elements: dict
      sample: [{at_ms: 60000, time: "2026-11-21T10:01:00.000+00:00", verdict: success, value: 1, detail: result = 1}]
    finished:
      description: Whether the metric is decided. One that is not has the verdict V(insufficient) and can be continued.
      type: bool
      sample: true
    due_in_ms:
      description: Milliseconds from the end of the call to the next measurement of a metric that is not decided.
      type: int
      sample: 0
    position:
      description:
        - Where a later analysis goes on, and with which counts, as O(metrics[].position). Empty for sources that have
          no such place.
      type: dict
      sample: {}
    record:
      description: For V(judge), what was seen at all looks of the deployment, as O(metrics[].record). Otherwise empty.
      type: dict
      sample: {}
"""

import platform
import threading
import time
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._analysis import earlier as continued
from ansible_collections.slipway.release.plugins.module_utils._analysis import run as analysis
from ansible_collections.slipway.release.plugins.module_utils._analysis import spec as metric_spec
from ansible_collections.slipway.release.plugins.module_utils._analysis.arguments import METRIC
from ansible_collections.slipway.release.plugins.module_utils._analysis.model import Metric, MetricFinding
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._gate import steady
from ansible_collections.slipway.release.plugins.module_utils._gate.arguments import CHECK, STEADY
from ansible_collections.slipway.release.plugins.module_utils._gate.model import INSUFFICIENT, PASS, Check, Finding
from ansible_collections.slipway.release.plugins.module_utils._gate.run import Gate, as_results, verdict, worst
from ansible_collections.slipway.release.plugins.module_utils._gate.spec import credentials, parse
from ansible_collections.slipway.release.plugins.module_utils._module import AnsibleModule

ARGUMENTS = {
    "checks": {"type": "list", "elements": "dict", "options": CHECK},
    "metrics": {"type": "list", "elements": "dict", "options": METRIC},
    "steady": {"type": "list", "elements": "dict", "options": STEADY},
    "deadline": {"type": "int", "default": 0},
    "duration": {"type": "int", "default": 0},
    "slice_seconds": {"type": "int", "default": 0},
    "earlier": {"type": "list", "elements": "dict", "default": []},
    "step_before": {"type": "list", "elements": "dict", "default": []},
    "fail_fast": {"type": "bool", "default": False},
    "fail": {"type": "bool", "default": True},
}


def run(module: AnsibleModule) -> dict[str, Any]:
    """Parse, ask, measure, and put the result together."""
    raw_checks = module.params["checks"] or []
    raw_metrics, left_out = metric_spec.without_skipped(module.params["metrics"] or [])
    continued.check(module.params["earlier"], raw_metrics)
    raw_metrics = continued.with_positions(raw_metrics, module.params["earlier"])
    raw_metrics = continued.with_records(raw_metrics, module.params["earlier"] or module.params["step_before"])
    module.no_log_values.update(credentials(raw_checks) | metric_spec.credentials(raw_metrics))
    checks, metrics = parse(raw_checks), metric_spec.parse(raw_metrics)
    listeners = steady.parse(module.params["steady"] or [])
    _require_time(module, listeners, metrics)
    began = time.monotonic()
    findings = _foreseen(checks) if module.check_mode else Gate(checks, fail_fast=module.params["fail_fast"]).run()
    unasked = _why_not_asked(module, findings)
    measured = analysis.unmeasured(metrics, unasked) if unasked else _measured(module, listeners, metrics)
    checked = as_results(findings) + [listener.as_result(unasked) for listener in listeners]
    return {
        "changed": False,
        "verdict": worst([one["verdict"] for one in checked] + analysis.deciding(measured)),
        "from": platform.node(),
        "elapsed_ms": int((time.monotonic() - began) * 1000),
        "checks": checked,
        "metrics": analysis.as_results(measured),
        "left_out": left_out,
        "on_course": all(one["verdict"] == PASS for one in checked) and analysis.on_course(measured),
    }


def _require_time(module: AnsibleModule, listeners: list[steady.Listener], metrics: list[Metric]) -> None:
    if listeners and not (metrics or module.params["duration"] or module.params["slice_seconds"]):
        raise InputError(
            "is asked for as long as something is measured, and nothing is",
            where="steady",
            remedy="say for how many seconds with 'duration'",
        )


def _foreseen(checks: list[Check]) -> list[Finding]:
    return [Finding(check, INSUFFICIENT, "check mode: would be asked") for check in checks]


def _why_not_asked(module: AnsibleModule, checked: list[Finding]) -> str:
    """Why nothing is measured; empty when every check has passed."""
    if module.check_mode:
        return "check mode: would be measured"
    return "not measured: the checks did not pass" if checked and verdict(checked) != PASS else ""


def _measured(module: AnsibleModule, listeners: list[steady.Listener], metrics: list[Metric]) -> list[MetricFinding]:
    """The findings of the metrics; a listener that refuses ends the measuring."""
    alarm = threading.Event()
    with steady.Steady(listeners, alarm):
        return analysis.Analysis(
            metrics,
            clock=analysis.Clock(alarm),
            deadline=module.params["deadline"],
            duration=module.params["duration"],
            slice_seconds=module.params["slice_seconds"],
            earlier=module.params["earlier"],
        ).run()


def _explained(result: dict[str, Any]) -> str:
    """One line for the operator: everything that did not pass, and why."""
    deciding = result["checks"] + [metric for metric in result["metrics"] if not metric["dry_run"]]
    open_ones = [f"{one['name']}: {one['reason']}" for one in deciding if one["verdict"] != PASS]
    return f"The verdict is {result['verdict']}. " + ("; ".join(open_ones) or "There was nothing that decides") + "."


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS, required_one_of=[("checks", "metrics", "steady")], supports_check_mode=True
    )
    try:
        result = run(module)
    except SlipwayError as exc:
        module.fail_json(**exc.as_result())
    if result["verdict"] != PASS and module.params["fail"] and not module.check_mode:
        module.fail_json(msg=_explained(result), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
