-- Reads one setting.
create or replace function hubspot_sync.setting(p_key text)
  returns text
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (select s.value
            from hubspot_sync.settings s
           where s.key = p_key);
end;
$$;

comment on function hubspot_sync.setting(text) is
  'The value of a setting of hubspot_sync.settings, or null.';
revoke execute on function hubspot_sync.setting(text) from public, anon, authenticated;
