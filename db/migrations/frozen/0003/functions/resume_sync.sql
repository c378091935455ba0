-- Ends a pause.
create or replace function hubspot_sync.resume_sync(p_scope text default '*')
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_scope text := case when p_scope = '*' then '*' else hubspot_sync.find_synced_table(p_scope) end;
begin
  if v_scope is null then
    raise exception 'nothing is named that could be resumed'
      using errcode = '22023', hint = 'One of bookings, contacts, exams and notes, or * for all.';
  end if;
  delete from hubspot_sync.sync_pauses p
   where p.scope = v_scope;
  return found;
end;
$$;

comment on function hubspot_sync.resume_sync(text) is
  'Ends the pause of bookings, contacts, exams, notes or *; true where there was one. The pause of '
  'a table outlasts the end of the pause of all. Raises 22023 for another scope.';
revoke execute on function hubspot_sync.resume_sync(text) from public, anon, authenticated;
grant execute on function hubspot_sync.resume_sync(text) to service_role;
