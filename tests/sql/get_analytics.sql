begin;
select plan(15);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return now() + current_setting('test.later')::interval;
set local test.later = '0';

insert into hubspot_sync.hubspot_mock_exams (hubspot_id, mock_type, exam_date, capacity)
select 'E' || week || type, type, date_trunc('week', current_date)::date + 7 * week, 4
  from generate_series(-5, 2) week, unnest(array['Mini-mock', 'Clinical Skills']) type;
delete from hubspot_sync.sync_status;
refresh materialized view hubspot_sync.booking_analytics;
create function pg_temp.weeks(p_weeks integer) returns integer[] language sql as $$
  select array_agg(distinct (a.week - date_trunc('week', current_date)::date) / 7
                   order by (a.week - date_trunc('week', current_date)::date) / 7)
    from api.get_analytics(p_weeks) a
$$;

select is((select max(refreshed_at) from api.get_analytics()), null,
          'before the first refresh nothing tells its age');
select hubspot_sync.refresh_analytics();
select is((select distinct refreshed_at from api.get_analytics()), now(),
          'every row tells when it was computed');
select is(pg_temp.weeks(26), array[-5, -4, -3, -2, -1, 0, 1, 2],
          'half a year back and all weeks ahead are answered');
select is((select count(*) from api.get_analytics()), 16::bigint,
          'half a year is what is answered unless asked otherwise');
select is(pg_temp.weeks(2), array[-2, -1, 0, 1, 2],
          'of the last two weeks these and what is ahead are answered');
select is(pg_temp.weeks(0), array[0, 1, 2], 'this week belongs to what is ahead');
select is(pg_temp.weeks(-3), array[0, 1, 2], 'a negative number of weeks is none');
select is(pg_temp.weeks(null), array[0, 1, 2], 'no number of weeks is none');
select results_eq(
  'select week, mock_type from api.get_analytics()',
  'select week, mock_type from api.get_analytics() order by week, mock_type',
  'rows come by week, then mock type');
set local test.later = '-50 years';
select is(pg_temp.weeks(1), array[-5, -4, -3, -2, -1, 0, 1, 2], 'weeks count from the clock');

set local test.later = '0';
select is(pg_temp.weeks(n), array[-5, -4, -3, -2, -1, 0, 1, 2],
          format('%s weeks are all there are', n))
  from unnest(array[520, 521, 2147483647]) n;
select is(pg_temp.weeks(-2147483648), array[0, 1, 2], 'the most negative number is none');
set local role authenticated;
select set_config('request.jwt.claims', '{"email":"ann@example.com"}', true);
select throws_ok('select * from api.get_analytics()', '42501', null, 'a student sees none');
reset role;

select * from finish();
rollback;
