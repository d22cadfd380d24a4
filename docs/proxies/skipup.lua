-- Verifies the API keys of requests: http-request lua.skipup_verify SCOPE
-- Needs HAProxy 2.6 or later.

local verify_url = "http://127.0.0.1:9100/verify" -- SKIPUP_VERIFY_ADDR

local identity = { "skipup-key-id", "skipup-workspace-id", "skipup-scopes", "skipup-mode" }
local passed_on = { "www-authenticate", "retry-after", "content-type", "ratelimit", "ratelimit-policy" }

local function unavailable(txn)
    local reply = txn:reply({ status = 503 })
    reply:add_header("content-type", "application/json")
    reply:add_header("retry-after", "1")
    reply:set_body('{"error":{"type":"service_unavailable","message":"API keys can\'t be verified right now. Try again in a moment."}}\n')
    txn:done(reply)
end

core.register_action("skipup_verify", { "http-req" }, function(txn, scope)
    local request = txn.http:req_get_headers()
    for _, name in ipairs(identity) do
        txn.http:req_del_header(name) -- sent by the client
    end
    local headers = {
        ["x-forwarded-method"] = { txn.f:method() },
        ["x-forwarded-uri"] = { txn.f:pathq() },
        ["x-forwarded-for"] = { txn.f:src() },
    }
    for _, name in ipairs({ "authorization", "user-agent" }) do
        if request[name] then
            headers[name] = {}
            for i = 0, #request[name] do
                table.insert(headers[name], request[name][i])
            end
        end
    end
    local response = core.httpclient():get({ url = verify_url .. "?scope=" .. scope, headers = headers, timeout = 5000 })
    if not response or not response.status or response.status == 0 then
        return unavailable(txn)
    end
    if response.status == 204 then
        for _, name in ipairs(identity) do
            local value = response.headers[name] and response.headers[name][0]
            if value and value ~= "" then
                txn.http:req_set_header(name, value)
            end
        end
        return
    end
    local reply = txn:reply({ status = response.status })
    for _, name in ipairs(passed_on) do
        if response.headers[name] then
            reply:add_header(name, response.headers[name][0])
        end
    end
    reply:set_body(response.body or "")
    txn:done(reply)
end, 1)
