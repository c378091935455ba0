-- Stops everybody but administrators and the application itself.
create or replace function hubspot_sync.require_administrator()
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if hubspot_sync.caller_email() is not null then
    raise exception 'only administrators may do this'
      using errcode = '42501',
            hint = 'A database administrator adds emails to hubspot_sync.admin_users.';
  end if;
end;
$$;

comment on function hubspot_sync.require_administrator() is
  'Raises 42501 unless the caller is service_role, the owner of the functions or an '
  'administrator.';
revoke execute on function hubspot_sync.require_administrator() from public, anon, authenticated;
