-- The records somebody means by an id of any kind; with an exam come its bookings.
--
-- «all» is what is of use now: what is long over is compared by the full passes.
create or replace function hubspot_sync.find_records(p_kind text, p_id text default null)
  returns table (table_name text, record uuid, hubspot_id text)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_recent constant integer := 7;  -- days for which what is over is still of use
  v_since date := (hubspot_sync.clock() at time zone hubspot_sync.setting('time_zone'))::date
                  - c_recent;
  v_id text := trim(p_id);
  v_uuid uuid := case when v_id ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                   then v_id::uuid end;
  v_exams uuid[];
begin
  case p_kind
    when 'exam' then
      v_exams := array(select e.id from hubspot_sync.hubspot_mock_exams e
                        where e.hubspot_id = v_id or e.id = v_uuid);
    when 'all' then
      v_exams := array(select e.id from hubspot_sync.hubspot_mock_exams e
                        where e.deleted_at is null
                          and coalesce(e.exam_date, v_since) >= v_since);
      return query
        select 'hubspot_contact_credits', c.id, c.hubspot_id
          from hubspot_sync.hubspot_contact_credits c
         where c.deleted_at is null;
    when 'booking' then
      return query
        select 'hubspot_bookings', b.id, b.hubspot_id
          from hubspot_sync.hubspot_bookings b
         where b.hubspot_id = v_id
            or b.id = v_uuid
            or b.id = hubspot_sync.find_booking(v_id);
    when 'contact' then
      return query
        select distinct 'hubspot_contact_credits', k.id, k.hubspot_id
          from hubspot_sync.hubspot_contact_credits c
          join hubspot_sync.hubspot_contact_credits k on k.id = coalesce(c.merged_into, c.id)
         where c.hubspot_id = v_id or c.student_id = v_id or c.id = v_uuid;
    else
      raise exception '% is nothing that can be brought up to date', left(p_kind, 100)
        using errcode = '22023', hint = 'One of exam, booking, contact and all.';
  end case;
  return query
    select 'hubspot_mock_exams', e.id, e.hubspot_id
      from hubspot_sync.hubspot_mock_exams e
     where e.id = any (v_exams)
    union all
    select 'hubspot_bookings', b.id, b.hubspot_id
      from hubspot_sync.hubspot_mock_exams e
      join hubspot_sync.hubspot_bookings b on b.mock_exam_id = e.hubspot_id
     where e.id = any (v_exams)
       and b.deleted_at is null;
end;
$$;

comment on function hubspot_sync.find_records(text, text) is
  'The records of p_kind (exam, booking, contact; all) with the id p_id: our uuid, HubSpot''s id, '
  'a booking_id or a student_id, which several contacts may share. An exam comes with its '
  'bookings; all are the contacts, and the exams of today, of later and of the last week with '
  'theirs. Raises 22023 for another kind.';
revoke execute on function hubspot_sync.find_records(text, text)
  from public, anon, authenticated;
