"""The Lua of Fiddler's integration page, for its two phases. It has none in `log`, where the operator stamps spans of streamed answers."""

from __future__ import annotations

from typing import Final

__all__ = ["ACCESS", "HEADER_FILTER"]

ACCESS: Final = """
local conv_id = kong.request.get_header("X-Fiddler-Conversation-Id")
if conv_id and conv_id ~= "" then
  ngx.ctx.fiddler_conversation_id = conv_id
end
"""

HEADER_FILTER: Final = """
local conv_id = ngx.ctx.fiddler_conversation_id
if conv_id then
  local spans = ngx.ctx.KONG_SPANS
  if spans then
    for _, span in ipairs(spans) do
      span:set_attribute("gen_ai.conversation.id", conv_id)
    end
  end
end
"""
