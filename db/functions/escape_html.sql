-- A text as it stands in HTML.
create or replace function hubspot_sync.escape_html(p_text text)
  returns text
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return replace(replace(replace(replace(replace(
    p_text, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;');
end;
$$;

comment on function hubspot_sync.escape_html(text) is
  'The text with &, <, > and both quotes written so that HTML shows them and obeys none.';
revoke execute on function hubspot_sync.escape_html(text) from public, anon, authenticated;
