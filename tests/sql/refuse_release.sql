begin;
select plan(25);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return current_setting('test.now')::timestamptz;
set local test.now = '2030-01-01 09:00+00';
set local test.now = '2030-02-28 09:00+00';
insert into hubspot_sync.admin_users (email) values ('boss@example.com');
insert into hubspot_sync.hubspot_mock_exams (id, hubspot_id, exam_date, start_time)
values ('00000000-0000-4000-8000-0000000000e1', 'E-1', '2030-03-01', '09:00'),
       ('00000000-0000-4000-8000-0000000000e2', 'E-2', null, '09:00');

-- The refusal of one booking, to the role and login given; the owner's where they are null.
create function pg_temp.refused(
  p_state text, p_exam text, p_role text default null, p_email text default null,
  out code text, out message text, out detail text, out hint text
)
  language plpgsql as $$
declare
  v_booking hubspot_sync.hubspot_bookings;
  v_refusal hubspot_sync.refusal;
begin
  v_booking.booking_id := '100%s ''\';
  v_booking.is_active := p_state;
  v_booking.exam := p_exam::uuid;
  if p_role is not null then
    -- As a definer function of api would see it: the role set, the owner's rights.
    perform set_config('request.jwt.claims',
                       coalesce(jsonb_build_object('email', p_email)::text, ''), true);
    perform set_config('test.booking', v_booking::text, true);
    perform set_config('role', p_role, true);
    v_refusal := pg_temp.definer();
    perform set_config('role', 'none', true);
  else
    v_refusal := hubspot_sync.refuse_release(v_booking);
  end if;
  code := v_refusal.code;
  message := v_refusal.message;
  detail := v_refusal.detail;
  hint := v_refusal.hint;
end
$$;
create function pg_temp.definer() returns hubspot_sync.refusal
  language plpgsql security definer as $$
begin
  return hubspot_sync.refuse_release(
    current_setting('test.booking')::hubspot_sync.hubspot_bookings);
end
$$;
create function pg_temp.code(p_role text, p_email text default null) returns text language sql as
  $$select (pg_temp.refused('Active', '00000000-0000-4000-8000-0000000000e1', p_role,
                            p_email)).code$$;
grant usage on schema hubspot_sync to authenticated, service_role;

select is((pg_temp.refused(r.state, null)).code, r.code, r.fact)
  from (values
    ('Active', null, 'an active booking is let go'),
    ('Cancelled', 'MBSTA', 'a cancelled one is not'),
    ('Completed', 'MBSTA', 'nor a completed one'),
    ('active', 'MBSTA', 'nor one of another spelling, which no row has'),
    ('Waitlisted', 'MBSTA', 'nor one of an unknown state'),
    ('', 'MBSTA', 'an empty state is none'),
    (null, 'MBSTA', 'nor is null')
  ) as r (state, code, fact);
select ok(strpos(r.message, '100%s ''\') > 0 and r.detail like '%null%'
          and r.hint is not null,
          'the refusal names the booking and its state, and has a hint')
  from pg_temp.refused(null, null) r;

-- Without a cut-off --------------------------------------------------------------------------
set local test.now = '2030-03-01 09:00+00';
select is(pg_temp.code('authenticated', 'ann@example.com'), null,
          'a student has until the start');
set local test.now = '2030-03-01 09:00:00.000001+00';
select is(pg_temp.code('authenticated', 'ann@example.com'), 'MBCUT', 'and no longer');
select is(pg_temp.code('authenticated', 'Boss@example.com'), null, 'an administrator has');
select is(pg_temp.code('service_role'), null, 'service_role has');
select is(pg_temp.code(null), null, 'so has the owner');
select is((pg_temp.refused('Active', r.exam, 'authenticated', 'ann@example.com')).code, null,
          r.fact)
  from (values
    ('00000000-0000-4000-8000-0000000000e2', 'an exam without a date does not start'),
    (null, 'nor does one that is not here')
  ) as r (exam, fact);

-- With one -----------------------------------------------------------------------------------
update hubspot_sync.settings set value = '24 hours' where key = 'cancellation_cutoff';
set local test.now = '2030-02-28 09:00+00';
select is(pg_temp.code('authenticated', 'ann@example.com'), null, 'at the cut-off it is not late');
set local test.now = '2030-02-28 09:00:01+00';
select is(pg_temp.code('authenticated', 'ann@example.com'), 'MBCUT', 'a second later it is');
select is(pg_temp.code('service_role', 'boss@example.com'), 'MBCUT',
          'for service_role, too, whatever the claims');
select is(pg_temp.code(null), 'MBCUT', 'and for the owner');
select is(pg_temp.code('authenticated', 'boss@example.com'), null,
          'an administrator''s login is past it');
select ok(strpos(r.message, '100%s ''\') > 0 and r.detail like '%2030-03-01%24:00:00%'
          and r.hint is not null, 'the refusal names the booking, the start and the cut-off')
  from pg_temp.refused('Active', '00000000-0000-4000-8000-0000000000e1') r;
select is((pg_temp.refused('Completed', '00000000-0000-4000-8000-0000000000e1')).code, 'MBSTA',
          'the state comes before the cut-off');

-- One day before is one day by the clock on the wall, also when that day has 23 hours.
update hubspot_sync.settings set value = 'America/New_York' where key = 'time_zone';
update hubspot_sync.settings set value = '1 day' where key = 'cancellation_cutoff';
update hubspot_sync.hubspot_mock_exams set exam_date = '2030-03-10' where hubspot_id = 'E-1';
set local test.now = '2030-03-09 14:00+00';
select is(pg_temp.code('service_role'), null, 'at nine the day before it is not late');
set local test.now = '2030-03-09 14:00:01+00';
select is(pg_temp.code('service_role'), 'MBCUT', 'a second later it is');

-- A cut-off below zero, as a database may hold it, gives no student leave after the start.
alter table hubspot_sync.settings disable trigger settings_valid;
update hubspot_sync.settings set value = '-1 day' where key = 'cancellation_cutoff';
set local test.now = '2030-03-10 13:00:01+00';
select is(pg_temp.code('authenticated', 'ann@example.com'), 'MBCUT',
          'a student''s time ends at the start at the latest');


select * from finish();
rollback;
