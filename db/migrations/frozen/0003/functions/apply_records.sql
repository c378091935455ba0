-- The one door by which anything of HubSpot comes in: webhooks, polls, reconciliations, imports and
-- requests by hand all end here.
--
-- One acknowledgement or reading at a time: a contact's new id reaches its bookings, which another
-- of them may hold. A record is merged by merge_record; one that was read before what is known
-- already is left alone, and answered, so that it is read again. What brings nothing new is taken
-- all at once (confirm_records); that its rows were looked at is noted last, and waits for nobody.
-- A modified date far ahead of our clock is not believed: all that came later would count as older.
create or replace function hubspot_sync.apply_records(
  p_table text,
  p_records jsonb,
  out applied integer,
  out refused jsonb,
  out stale text[]
)
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  -- A zone may be 15 hours away.
  v_latest text := to_char(hubspot_sync.clock() + interval '1 day', 'YYYY-MM-DD"T"HH24:MI:SS');
  v_odd jsonb;
  v_records jsonb;
  v_id text;
  v_confirmed text[];
begin
  if p_table is null or p_table not in (
       'hubspot_mock_exams', 'hubspot_contact_credits', 'hubspot_bookings') then
    raise exception 'table % is not read from HubSpot', left(p_table, 100)
      using errcode = '22023',
            hint = 'hubspot_mock_exams, hubspot_contact_credits or hubspot_bookings.';
  end if;
  if jsonb_typeof(p_records) is distinct from 'array' then
    raise exception 'records are % and not an array', coalesce(jsonb_typeof(p_records), 'null')
      using errcode = '22023', hint = 'An array of {id, properties, createdAt, updatedAt}.';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.take_from_hubspot', 0));
  -- What HubSpot says is not told to it in a note.
  perform set_config('hubspot_sync.source', 'hubspot', true);
  select coalesce(jsonb_agg(case
                    when r.value ->> 'updatedAt' ~ '^[0-9]{4}-'
                         and r.value ->> 'updatedAt' collate "C" > v_latest
                      then r.value - 'updatedAt'
                    else r.value end) filter (where r.readable), '[]'),
         coalesce(jsonb_object_agg(coalesce(left(r.value ->> 'id', 500), ''), '22023: no id, or no'
                    ' properties') filter (where not r.readable), '{}')
    into v_records, v_odd
    from (select e.value,
                 coalesce(jsonb_typeof(e.value) = 'object'
                          and jsonb_typeof(e.value -> 'id') in ('string', 'number')
                          and length(e.value ->> 'id') between 1 and 500
                          and jsonb_typeof(e.value -> 'properties') = 'object', false) as readable
            from jsonb_array_elements(p_records) e) r;
  v_confirmed := hubspot_sync.confirm_records(p_table, v_records);
  if v_confirmed <> '{}' then
    v_records := (select coalesce(jsonb_agg(r.value), '[]')
                    from jsonb_array_elements(v_records) r
                   where r.value ->> 'id' <> all (v_confirmed));
  end if;
  if v_records = '[]' then
    applied := 0;
    refused := jsonb_build_object();
    stale := '{}';
  elsif p_table = 'hubspot_mock_exams' then
    select a.applied, a.refused, a.stale into applied, refused, stale
      from hubspot_sync.apply_exams(v_records) a;
  elsif p_table = 'hubspot_contact_credits' then
    select a.applied, a.refused, a.stale into applied, refused, stale
      from hubspot_sync.apply_contacts(v_records) a;
  else
    select a.applied, a.refused, a.stale into applied, refused, stale
      from hubspot_sync.apply_bookings(v_records) a;
  end if;
  if v_confirmed <> '{}' then
    applied := applied + cardinality(v_confirmed);
    perform hubspot_sync.note_time_of_sync(p_table, v_confirmed);
  end if;
  refused := refused || v_odd;
  for v_id in select k.key from jsonb_object_keys(refused) k (key) order by k.key loop
    perform hubspot_sync.note_inbound_error(p_table, v_id, refused ->> v_id);
  end loop;
  perform set_config('hubspot_sync.source', '', true);
end;
$$;

comment on function hubspot_sync.apply_records(text, jsonb) is
  'Merges records read from HubSpot with what is here. p_records: an array of HubSpot''s {id, '
  'properties, createdAt, updatedAt}, of contacts with propertiesWithHistory of the balances, of '
  'bookings perhaps with associations {contacts, exams: HubSpot''s ids}; asked: ids under which '
  'a record was looked for. Answers how many were applied; refused: {HubSpot''s id: SQLSTATE and '
  'reason}, which stand in sync_errors until they heal; stale: ids of records that have been '
  'written since, to be read again. Raises 22023 for an unknown table or no array.';
revoke execute on function hubspot_sync.apply_records(text, jsonb)
  from public, anon, authenticated;
grant execute on function hubspot_sync.apply_records(text, jsonb) to service_role;
