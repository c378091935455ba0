-- Stops texts no column of ours, no index and no property of HubSpot is made for.
create or replace function hubspot_sync.require_short(
  p_1 text,
  p_2 text default null,
  p_3 text default null,
  p_4 text default null,
  p_5 text default null,
  p_6 text default null
)
  returns void
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if greatest(length(p_1), length(p_2), length(p_3), length(p_4), length(p_5), length(p_6)) > 500
  then
    raise exception 'an argument is longer than 500 characters'
      using errcode = '22023', hint = 'Send at most 500 characters in each argument.';
  end if;
end;
$$;

comment on function hubspot_sync.require_short(text, text, text, text, text, text) is
  'Raises 22023 when one of the texts is longer than 500 characters.';
revoke execute on function hubspot_sync.require_short(text, text, text, text, text, text)
  from public, anon, authenticated;
